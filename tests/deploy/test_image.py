"""The image, hardened as the chart has it, answers for all roles of an exchange.

`make image-test` runs this on the image that `make image` built; everything else skips it.
"""

from dataclasses import dataclass
from uuid import uuid4

import httpx
import pytest

from tests.deploy.containers import ROLE, START_S, Container, Containers, inspect
from tests.exchange import wait_until

# Where a container may write: its temporary files and the volume.
WRITABLE = {"/tmp", "/var/lib/zavora"}
KERNELS_OWN = ("/proc", "/sys", "/dev")
# By itself, or by the signal that it was sent.
ENDED = (0, 143)
ASSETS = """
from accounts.access.actor import Actor
from accounts.services import create_asset
for code in ("BTC", "USD"):
    create_asset(by=Actor.system("test"), code=code, name=code, scale=8)
"""


@dataclass
class Exchange:
    """All roles, each in a container of its own, and somebody who trades."""

    webs: list[tuple[Container, str]]
    workers: list[Container]
    others: dict[str, Container]
    headers: dict[str, str]
    account: str

    def everybody(self) -> list[Container]:
        """All containers."""
        return [*(web for web, _ in self.webs), *self.workers, *self.others.values()]

    def place(self, web: int, side: str) -> httpx.Response:
        """Ask one of the web processes for an order."""
        order = {
            "user_id": self.account, "market": "BTC/USD", "side": side, "order_type": "Limit",
            "price": "100", "quantity": "0.5", "client_order_id": uuid4().hex,
        }  # fmt: skip
        url = f"{self.webs[web][1]}/api/v1/orders"
        return httpx.post(url, json=order, headers=self.headers, timeout=10)


@pytest.fixture(scope="module")
def exchange(started: Containers) -> Exchange:
    """Tables, then every role: two web processes, a worker and its standby, the rest once."""
    migrate = started.start("migrate", owner=True)
    wait_until(lambda: not migrate.is_running, timeout_s=4 * START_S, what="the tables")
    assert "OK" in migrate.log, migrate.log
    workers = [started.start("worker", name=name) for name in ("worker", "standby")]
    others = {role: started.start(role) for role in ("marketdata", "celery", "beat")}
    webs = [started.start_web(name) for name in ("web-0", "web-1")]
    web = webs[0][0]
    web.manage("shell", "-c", ASSETS)
    wait_until(
        lambda: web.run(*ROLE, "manage", "healthcheck", "worker").returncode == 0,
        timeout_s=START_S,
        what="a worker",
    )
    web.manage("create_market", "BTC/USD", "--tick-size", "0.01", "--lot-size", "0.001")
    options = ("--email", "ann@example.com")
    token = web.manage("create_token", *options, "--scopes", "read,trade").split()[-1]
    for asset, amount in (("BTC", "10"), ("USD", "1000")):
        web.manage("deposit", *options, "--asset", asset, "--amount", amount)
    headers = {"Authorization": f"Bearer {token}"}
    accounts = httpx.get(f"{webs[0][1]}/api/v1/accounts", headers=headers).json()["data"]
    running = Exchange(webs, workers, others, headers, accounts[0]["id"])
    for _, address in webs:
        wait_until(
            lambda at=address: _is_listed(at), timeout_s=START_S, what=f"the market at {address}"
        )
    return running


def _is_listed(address: str) -> bool:
    return bool(httpx.get(f"{address}/api/v1/markets", timeout=5).json()["data"])


def test_it_runs_as_nobody_in_particular_and_holds_no_tools_for_building(image: str) -> None:
    config = inspect(image)["Config"]

    assert config["User"] == "1000:1000"
    assert config["Cmd"] == ["web"]
    assert config["StopSignal"] == "SIGTERM"
    assert {"org.opencontainers.image.version", "org.opencontainers.image.revision"} <= set(
        config["Labels"]
    )
    assert "DEBUG=0" in config["Env"]
    assert not [one for one in config["Env"] if one.startswith(("SECRET_KEY=", "PIP_", "NPM_"))]


def test_an_order_is_answered_by_each_web_process(exchange: Exchange) -> None:
    answers = [exchange.place(0, "Sell"), exchange.place(1, "Sell")]

    assert [answer.status_code for answer in answers] == [200, 200]
    for _, address in exchange.webs:
        health = httpx.get(f"{address}/api/v1/health", timeout=5)
        assert health.status_code == 200, health.text


@pytest.mark.parametrize("role", ["worker", "marketdata", "celery"])
def test_each_role_shows_life(exchange: Exchange, role: str) -> None:
    web = exchange.webs[0][0]
    asked = (*ROLE, "manage", "healthcheck", role)

    wait_until(lambda: web.run(*asked).returncode == 0, timeout_s=START_S, what=role)


def test_the_pages_and_their_files_are_in_the_image(exchange: Exchange) -> None:
    page = httpx.get(exchange.webs[0][1], follow_redirects=True, timeout=10)

    assert page.status_code == 200
    scripts = [part.split('"')[0] for part in page.text.split('src="') if ".js" in part[:80]]
    assert scripts
    file = httpx.get(f"{exchange.webs[0][1]}{scripts[0]}", timeout=10)
    assert file.status_code == 200
    assert "immutable" in file.headers["cache-control"]


def test_nobody_has_a_right_or_a_place_to_write(exchange: Exchange) -> None:
    for container in exchange.everybody():
        status = dict(
            line.split(":\t", 1)
            for line in container.run("cat", "/proc/1/status").stdout.splitlines()
            if ":\t" in line
        )
        assert status["Uid"].split() == ["1000"] * 4
        assert {int(status[name], 16) for name in ("CapEff", "CapPrm", "CapBnd")} == {0}
        assert status["NoNewPrivs"] == "1"
        mounts = [line.split() for line in container.run("cat", "/proc/mounts").stdout.splitlines()]
        open_ones = {
            target
            for _, target, _, options, *_ in mounts
            if "rw" in options.split(",") and not target.startswith(KERNELS_OWN)
        }
        assert open_ones <= WRITABLE | {
            "/run/.containerenv",
            "/etc/hosts",
            "/etc/resolv.conf",
            "/etc/hostname",
        }


@pytest.mark.parametrize(
    "folder", ["/", "/etc", "/opt/zavora/app", "/opt/zavora/venv", "/run", "/var", "/usr"]
)
def test_writing_elsewhere_fails(exchange: Exchange, folder: str) -> None:
    web = exchange.webs[0][0]

    assert web.run("touch", f"{folder}/x").returncode != 0
    assert web.run("touch", "/tmp/x").returncode == 0
    assert web.run("touch", "/var/lib/zavora/x").returncode == 0


@pytest.mark.parametrize("program", ["gcc", "cc", "make", "pip", "node", "git", "psql"])
def test_what_runs_needs_no_tools(exchange: Exchange, program: str) -> None:
    assert exchange.webs[0][0].run("sh", "-c", f"command -v {program}").returncode != 0


def test_the_owners_password_is_with_the_migrations_alone(exchange: Exchange) -> None:
    for container in exchange.everybody():
        environment = container.run("sh", "-c", "cat /proc/[0-9]*/environ | tr '\\0' '\\n'").stdout
        assert "DATABASE_URL=" in environment  # it can be read at all
        assert "ZAVORA_OWNER_DATABASE_URL" not in environment


def test_each_ends_when_it_is_asked(exchange: Exchange) -> None:
    """Last of the exchange: nothing is left of it. The standby goes on where its worker ended."""
    worker, standby = exchange.workers
    assert worker.end(wait_s=10) in ENDED, worker.log
    assert exchange.place(0, "Sell").status_code == 200
    assert standby.end(wait_s=10) in ENDED, standby.log
    for role, grace_s in (("marketdata", 10), ("celery", 20), ("beat", 10)):
        container = exchange.others[role]
        assert container.end(wait_s=grace_s) in ENDED, f"{role}: {container.log[-2000:]}"
    for web, _ in exchange.webs:
        assert web.end(wait_s=5) in ENDED, web.log[-2000:]
    for container in exchange.everybody():
        assert "Traceback" not in container.log, container.log[-4000:]


def test_a_secret_that_is_not_there_is_named(started: Containers) -> None:
    lost = started.start("web", name="lost", env={"REDIS_URL_FILE": "/run/secrets/none"})

    wait_until(lambda: not lost.is_running, timeout_s=START_S, what="its end")

    assert "REDIS_URL_FILE: /run/secrets/none cannot be read" in lost.log
