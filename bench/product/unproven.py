"""The product without its proof: no trail, no chain, no receipts. It says what those cost."""

from __future__ import annotations

import tempfile
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

from bench.product.pipeline import Product
from ledgerbell.processes import Command
from shared.testing.planting import plant

PATCH = Path(__file__).with_suffix(".patch")


class Unproven(Product):
    """Services of a copy; all else is the product's own."""

    name = "unproven"

    async def __aenter__(self) -> Product:
        async with AsyncExitStack() as entering:
            copy = entering.enter_context(tempfile.TemporaryDirectory(prefix="ledgerbell-unproven-"))
            self._path = plant(PATCH, Path(copy))["PYTHONPATH"]
            await super().__aenter__()
            self._copy = entering.pop_all()
        return self

    async def __aexit__(self, *exception: object) -> None:
        await super().__aexit__(*exception)
        await self._copy.aclose()

    async def adapt(self, command: Command) -> Command:
        return replace(command, environment={**command.environment, "PYTHONPATH": self._path})
