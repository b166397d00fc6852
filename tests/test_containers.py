"""What gets into a container finds nothing to write, to rise with, or to reach (OWASP's Docker sheet)."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from ledgerbell.secrets import DATABASES, SANDBOXES, make_secrets

ROOT = Path(__file__).parent.parent
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (ROOT / "deploy/Dockerfile").read_text()
MAKES_SECRETS = "secrets"

every_service = pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES)


@every_service
def test_a_container_can_write_nothing_and_raise_itself_to_nothing(service: dict[str, Any]) -> None:
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not service.keys() & {"privileged", "cap_add", "devices", "pid", "ipc"}


@every_service
def test_a_container_has_limits(service: dict[str, Any]) -> None:
    assert service["mem_limit"]
    assert service["pids_limit"]
    assert service["logging"]["options"]["max-size"]


@every_service
def test_a_container_does_not_run_as_root(service: dict[str, Any]) -> None:
    user = (
        service.get("user", "") if "image" in service else re.findall(r"^USER (\S+)$", DOCKERFILE, re.M)[-1]
    )
    assert user
    assert user.partition(":")[0] not in ("0", "root")


@every_service
def test_a_container_mounts_volumes_only_and_its_own_secrets_unwritable(service: dict[str, Any]) -> None:
    name = next(name for name, each in SERVICES.items() if each is service)
    for mount in service.get("volumes", []):
        volume, target, *mode = mount.split(":")
        assert volume in COMPOSE["volumes"]  # Not a folder of the host, nor its Docker socket.
        if target == "/run/secrets":
            assert (volume, mode) == (f"{name}-secrets", ["ro"])
        else:
            assert not volume.endswith("-secrets") or name == MAKES_SECRETS


@every_service
def test_no_secret_stands_in_the_file(service: dict[str, Any]) -> None:
    for variable, value in service.get("environment", {}).items():
        assert variable.endswith("_FILE") or not re.search("PASS|SECRET|KEY|TOKEN", variable)
        assert not re.search("://[^/]*@", str(value))


def test_only_the_gateway_and_sandboxes_can_be_reached_and_only_from_this_machine() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}

    assert published.keys() == {"ws-gateway", *SANDBOXES}
    assert all(port.startswith("127.0.0.1:") for ports in published.values() for port in ports)


def test_sandboxes_are_not_there_unless_they_are_asked_for() -> None:
    assert all(SERVICES[name]["profiles"] == ["demo", "story"] for name in SANDBOXES)


def test_only_the_gateway_and_sandboxes_can_reach_what_is_outside() -> None:
    open_networks = {name for name, network in COMPOSE["networks"].items() if not network.get("internal")}

    for name, service in SERVICES.items():
        networks = set(service.get("networks", []))
        assert networks or service.get("network_mode") == "none"  # Else it would be on a default network.
        assert not networks & open_networks or name in ("ws-gateway", *SANDBOXES)


def test_postgres_is_out_of_the_gateways_sight() -> None:
    assert not set(SERVICES["postgres"]["networks"]) & set(SERVICES["ws-gateway"]["networks"])


def test_the_secrets_that_are_made_are_those_that_are_mounted(tmp_path: Path) -> None:
    make_secrets(tmp_path)
    made = {folder.name for folder in tmp_path.iterdir()}

    mounted = {mount.partition("-secrets:/secrets/")[::2] for mount in SERVICES[MAKES_SECRETS]["volumes"]}
    assert mounted == {(name, name) for name in made}
    named = re.search(r"for owner in ([a-z \\\n-]+); do", DOCKERFILE)
    assert named is not None
    assert set(named[1].replace("\\", "").split()) == made


def test_only_a_demo_signs_anybody_in_and_what_it_signs_makes_users_at_most(tmp_path: Path) -> None:
    key = tmp_path / "ws-gateway" / "ledgerbell_demo_sign_in_key"

    def believed() -> dict[str, list[dict[str, Any]]]:
        found = {file.parent.name: json.loads(file.read_text()) for file in tmp_path.glob("*/*_auth_keys")}
        return {
            name: [each for each in keys if each["kid"] == "demo-sign-in"] for name, keys in found.items()
        }

    make_secrets(tmp_path, demo=True)
    assert [file.parent.name for file in tmp_path.glob("*/*sign_in*")] == ["ws-gateway"]
    assert all([each["roles"] for each in keys] == [["user"]] for keys in believed().values())

    make_secrets(tmp_path)
    assert not key.exists()
    assert believed().keys() == {*DATABASES, "ws-gateway"}
    assert not any(believed().values())


def test_the_dockerfile_asks_for_nothing_that_an_old_engine_lacks() -> None:
    assert not re.search(r"^# *syntax=|<<|--link", DOCKERFILE, re.M)
