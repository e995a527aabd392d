"""Which commands get servers started for them, and how the processes of an exchange are called."""

import sys

import pytest

from manage import needs_servers
from zavora.runner.exchange import WEB_SERVERS, UnknownWebServer, application_specs, web
from zavora.runner.home import Home
from zavora.runner.sharing import CannotShare, check_sharing


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["help"],
        ["--help"],
        ["--version"],
        ["migrate", "--help"],
        ["create_token", "-h"],
        ["collect_static"],
        ["collectstatic", "--noinput"],
        ["spectacular", "--file", "schema.yml"],
    ],
)
def test_commands_that_need_no_servers_start_none(arguments: list[str]) -> None:
    assert not needs_servers(arguments)


@pytest.mark.parametrize(
    "name", ["migrate", "shell", "reconcile", "run_matching", "makemigrations"]
)
def test_other_commands_have_servers(name: str) -> None:
    assert needs_servers([name])


@pytest.mark.parametrize("server", WEB_SERVERS)
def test_each_web_server_listens_where_it_is_told(server: str) -> None:
    argv = web({}, port=8123, server=server).argv

    assert server in argv
    assert "8123" in argv
    assert "127.0.0.1" in argv


def test_an_unknown_web_server_is_refused() -> None:
    with pytest.raises(UnknownWebServer, match="gunicorn is none of uvicorn, granian, daphne"):
        web({}, port=8000, server="gunicorn")


def test_the_web_server_starts_after_and_stops_before_the_workers(tmp_path) -> None:
    specs = application_specs(
        {}, home=Home(tmp_path), port=8000, web_server="uvicorn", shards=[0, 3]
    )

    names = [spec.name for spec in specs]
    assert names == ["worker-0", "worker-3", "marketdata", "web", "celery", "beat"]
    assert specs[1].argv[-2:] == ("--shard", "3")


def test_replicas_share_the_port_and_standbys_come_after_all_first_workers(tmp_path) -> None:
    specs = application_specs(
        {},
        home=Home(tmp_path),
        port=8000,
        web_server="uvicorn",
        shards=[0, 3],
        web_replicas=2,
        workers_per_shard=2,
    )
    by_name = {spec.name: spec for spec in specs}
    workers = ["worker-0", "worker-3", "worker-0-2", "worker-3-2"]
    assert list(by_name) == [*workers, "marketdata", "web-1", "web-2", "celery", "beat"]
    assert by_name["worker-3-2"].argv == by_name["worker-3"].argv
    for name in ("web-1", "web-2"):
        assert "--shared-port" in by_name[name].argv
        assert by_name[name].env["ZAVORA_WEB_NAME"] == name


def test_one_web_server_shares_its_port_with_nobody() -> None:
    assert "--shared-port" not in web({}, port=8000, server="uvicorn").argv


def test_where_the_kernel_does_not_spread_connections_replicas_are_refused(monkeypatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(CannotShare, match="ZAVORA_WEB_REPLICAS"):
        check_sharing()
