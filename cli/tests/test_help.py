"""What the help says is what is true."""

import pytest
from typer.testing import CliRunner

from ledgerbell.gateway import OperatorSettings
from ledgerbell.main import app


@pytest.mark.parametrize(
    "names", [["dead-letters"], ["rebuild"], ["coverage"], ["audit", "export"], ["audit", "check"]]
)
def test_whoever_asks_the_gateway_is_told_where_it_is_looked_for(names: list[str]) -> None:
    url = OperatorSettings.model_fields["gateway_url"].default

    said = " ".join(CliRunner().invoke(app, [*names, "--help"]).output.split())

    assert f"Needs LEDGERBELL_OPERATOR_TOKEN; LEDGERBELL_GATEWAY_URL is {url} unless set." in said
