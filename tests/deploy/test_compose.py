"""compose.yaml: it is sound, everything in it is hardened, and nobody reaches the database."""

import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.tools import DEPLOY, output
from zavora.foundation.secret_files import SECRET_NAMES
from zavora.role import ROLES

COMPOSE = DEPLOY / "compose"
FILE = COMPOSE / "compose.yaml"
OURS = (
    "web-a",
    "web-b",
    "worker-0-a",
    "worker-0-b",
    "marketdata-a",
    "marketdata-b",
    "celery",
    "beat",
)


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    """The file, anchors and merges resolved."""
    found: dict[str, Any] = yaml.safe_load(FILE.read_text())
    return found


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of secrets as the script makes it."""
    folder = tmp_path_factory.mktemp("compose") / "secrets"
    _make_secrets(folder)
    return folder


def _make_secrets(folder: Path) -> str:
    command = [sys.executable, str(COMPOSE / "make_secrets.py"), "exchange.example"]
    done = subprocess.run(
        [*command, "--folder", str(folder)], capture_output=True, text=True, check=True
    )
    return done.stdout


def test_it_follows_the_specification(tools: Path) -> None:
    assert "ok" in output("check-jsonschema", "--builtin-schema", "vendor.compose-spec", str(FILE))


def test_every_container_is_hardened(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert not service.get("privileged"), name
        assert service["user"].partition(":")[0] not in ("", "0", "root"), name
        limits = service["deploy"]["resources"]["limits"]
        assert set(limits) == {"cpus", "memory", "pids"}, name
        assert ":" in service.get("image", ""), name


def test_every_service_says_whether_it_is_well(compose: dict[str, Any]) -> None:
    services = compose["services"]

    # web's is in the image; the migrations end.
    without = {name for name, service in services.items() if "healthcheck" not in service}
    assert without == {"web-a", "web-b"}
    assert services["migrate"]["healthcheck"] == {"disable": True}


def test_database_and_queue_are_reached_from_inside_only(compose: dict[str, Any]) -> None:
    services = compose["services"]

    assert compose["networks"]["back"]["internal"] is True
    for name in ("postgres", "valkey"):
        assert services[name]["networks"] == ["back"]
    assert [name for name, service in services.items() if "ports" in service] == ["nginx"]
    assert "back" not in services["nginx"]["networks"]


def test_web_sees_nginx_at_the_address_that_it_believes(compose: dict[str, Any]) -> None:
    nginx = compose["services"]["nginx"]["networks"]
    for name in ("web-a", "web-b"):
        web = compose["services"][name]
        common = set(web["networks"]) & set(nginx)
        assert common == {"front"}
        assert web["environment"]["ZAVORA_TRUSTED_PROXIES"] == nginx["front"]["ipv4_address"]


def test_all_that_is_named_is_there(compose: dict[str, Any]) -> None:
    services = compose["services"]
    for name, service in services.items():
        assert set(service.get("depends_on", {})) <= set(services), name
        assert set(service.get("networks", [])) <= set(compose["networks"]), name
        assert set(service.get("secrets", [])) <= set(compose["secrets"]), name
    for name in OURS:
        assert services[name]["command"][0] in ROLES
        assert "migrate" in services[name]["depends_on"]


def test_secrets_come_as_files_and_only_to_those_who_need_them(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        environment = service.get("environment", {})
        assert not set(environment) & set(SECRET_NAMES), name
        for variable, value in environment.items():
            if variable.endswith("_FILE"):
                assert value.removeprefix("/run/secrets/") in service["secrets"], (name, variable)
        assert ("owner_database_url" in service.get("secrets", [])) is (name == "migrate")


def test_all_secrets_are_made_once(compose: dict[str, Any], secrets: Path) -> None:
    named = {Path(one["file"]).name for one in compose["secrets"].values()}
    before = {path.name: path.read_bytes() for path in secrets.iterdir()}

    assert named <= set(before)
    assert _make_secrets(secrets) == ""
    assert {path.name: path.read_bytes() for path in secrets.iterdir()} == before
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o700


def test_nginx_takes_its_configuration(secrets: Path, tmp_path: Path) -> None:
    nginx = shutil.which("nginx") or "/usr/sbin/nginx"
    if not Path(nginx).is_file():
        pytest.skip("nginx is not here (Debian's package nginx)")
    text = (COMPOSE / "nginx.conf").read_text()
    for written, here in (
        ("/tmp/", f"{tmp_path}/"),
        ("/run/secrets/tls_certificate", str(secrets / "tls.crt")),
        ("/run/secrets/tls_key", str(secrets / "tls.key")),
        # Names of other containers mean nothing here.
        ("web-a:", "127.0.0.1:"),
        ("web-b:", "127.0.0.2:"),
    ):
        text = text.replace(written, here)
    file = tmp_path / "nginx.conf"
    file.write_text(text)

    done = subprocess.run(
        [nginx, "-t", "-q", "-p", str(tmp_path), "-c", str(file)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
