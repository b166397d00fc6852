"""What the containers of a compose system are given to prove themselves with."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from ledgerbell.prepare import BrokerPreparation, DatabasePreparation
from ledgerbell.secrets import DATABASES, make_secrets
from shared.http.auth import InvalidToken, Keyring, ServiceToken, sign_token
from shared.settings import DatabaseSettings, ServiceSettings
from shared.trail import fingerprint, read_private_key, read_public_key
from ws_gateway.main import Settings as GatewaySettings


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    make_secrets(tmp_path)
    return tmp_path


def test_each_process_finds_what_its_settings_ask_for(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("credit", "payment", "refund", "verification", "monitor", "notifier"):
        monkeypatch.setenv(f"LEDGERBELL_{name.upper()}_URL", "http://not-a-secret")
    monkeypatch.setenv("LEDGERBELL_ALLOWED_ORIGINS", "http://not-a-secret")

    gateway = GatewaySettings(_secrets_dir=folders / "ws-gateway")
    services = {name: DatabaseSettings(_secrets_dir=folders / name) for name in DATABASES}

    databases = DatabasePreparation(_secrets_dir=folders / "prepare")
    for name, settings in services.items():
        assert databases.passwords(name)[0] == urlsplit(settings.database_url).password
    assert urlsplit(databases.postgres_url).password == (folders / "postgres/postgres_password").read_text()
    users = BrokerPreparation(_secrets_dir=folders / "prepare").passwords()
    assert users == {
        name: urlsplit(settings.broker_url).password
        for name, settings in (*services.items(), ("ws-gateway", gateway))
    }


def test_a_second_run_keeps_everything(folders: Path) -> None:
    before = {file: file.read_bytes() for file in folders.rglob("*") if file.is_file()}

    make_secrets(folders)

    assert {file: file.read_bytes() for file in folders.rglob("*") if file.is_file()} == before


def test_two_systems_share_no_secret(folders: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    make_secrets(other)

    for file in folders.rglob("*"):
        assert file.is_dir() or file.read_bytes() != (other / file.relative_to(folders)).read_bytes()


def test_a_service_is_told_no_private_key_and_no_password_but_its_own(folders: Path) -> None:
    for service in ("credit", "notifier", "ws-gateway"):
        told = {file.name: file.read_text() for file in (folders / service).iterdir()}
        own = {told.pop("ledgerbell_broker_url"), told.pop("ledgerbell_auth_keys")}
        own |= {
            told.pop(f"ledgerbell_{name}", "")
            for name in ("database_url", "ticket_secret", "service_key", "trail_key")
        }
        assert told == {}
        assert sum("PRIVATE KEY" in text for text in own) == (service != "credit")


def test_evidence_is_verified_with_the_key_that_the_notifier_signs_with(folders: Path) -> None:
    signing = read_private_key((folders / "notifier/ledgerbell_trail_key").read_text())
    public = read_public_key((folders / "demo/trail_key.pub").read_text())

    assert fingerprint(signing.public_key()) == fingerprint(public)


def test_only_the_notifier_believes_the_gateway_and_nobody_lets_it_be_an_operator(folders: Path) -> None:
    key = (folders / "ws-gateway/ledgerbell_service_key").read_text()
    as_service = ServiceToken("ws-gateway", key)()
    as_operator = sign_token("ws-gateway", ["operator"], kid="ws-gateway", algorithm="EdDSA", key=key)

    assert _keyring(folders / "notifier").verify(as_service).roles == {"service"}
    for service in ("credit", "ws-gateway"):
        with pytest.raises(InvalidToken):
            _keyring(folders / service).verify(as_service)
    with pytest.raises(InvalidToken):
        _keyring(folders / "notifier").verify(as_operator)


def test_every_service_believes_the_tokens_of_the_demo(folders: Path) -> None:
    key = (folders / "demo/key.pem").read_text()
    token = sign_token("somebody", ["operator"], kid="demo", algorithm="EdDSA", key=key)

    for service in ("credit", "notifier", "ws-gateway"):
        assert _keyring(folders / service).verify(token).user_id == "somebody"


def _keyring(folder: Path) -> Keyring:
    return Keyring.from_json(ServiceSettings(_secrets_dir=folder).auth_keys)
