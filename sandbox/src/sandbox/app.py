"""The app factory of both providers: their routes, the operator's, health, and the edge around it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import FastAPI
from starlette.staticfiles import StaticFiles

from sandbox import controls
from sandbox.edge import Edge
from sandbox.problems import install

if TYPE_CHECKING:
    from fastapi import APIRouter

    from sandbox.controls import Provider
    from sandbox.foundation import Foundation


def create_app(foundation: Foundation, provider: Provider, *routers: APIRouter) -> FastAPI:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await foundation.close()

    app = FastAPI(title=foundation.title, lifespan=lifespan, openapi_url=None)
    app.state.foundation = foundation
    app.state.provider = provider
    for router in (*routers, controls.router):
        app.include_router(router)
    _add_health(app)
    app.mount("/static", StaticFiles(directory=Path(__file__).parent / "static"))
    install(app, foundation.problem_page)
    app.add_middleware(Edge, settings=foundation.settings, plan=foundation.plan, closing=foundation.closing)
    return app


def _add_health(app: FastAPI) -> None:
    @app.get("/healthz", include_in_schema=False)
    @app.get("/readyz", include_in_schema=False)
    async def health() -> dict[str, str]:
        return {"status": "alive"}
