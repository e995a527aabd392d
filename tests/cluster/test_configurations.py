"""What is written for each server is what the server itself takes."""

import subprocess
from pathlib import Path

import pytest

from deploy.local.haproxy import configuration, write_haproxy
from deploy.local.hosts import EDGE, HOSTS
from deploy.local.monitoring import prometheus_configuration, write_monitoring
from deploy.local.nginx import write_nginx
from deploy.local.patroni import configuration as patroni_configuration
from deploy.local.patroni import write_patroni
from deploy.local.plan import RUN_USER, ZAVORA, Plan
from deploy.local.valkey import write_valkey
from tests.cluster.plans import make_plan, programs_or_skip

pytestmark = pytest.mark.cluster


@pytest.fixture(params=["", "10.99.1.0/24"], ids=["loopback", "namespaces"])
def plan(request: pytest.FixtureRequest, tmp_path: Path) -> Plan:
    return make_plan(tmp_path / "home", programs_or_skip(), network=request.param)


def run(*command: str | Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_haproxy_takes_its_configuration_without_a_warning(plan: Plan) -> None:
    write_haproxy(plan)

    for host in HOSTS:
        file = plan.folder(host, "haproxy") / "haproxy.cfg"
        said = run(plan.programs.path("haproxy"), "-c", "-f", file)
        assert "warning" not in said.lower()


def test_the_queue_is_where_two_of_three_sentinels_say(plan: Plan) -> None:
    lines = [line.strip() for line in configuration(plan, "a").splitlines()]

    assert "use_backend queue-a if { nbsrv(votes-for-a) ge 2 }" in lines
    assert "use_backend queue-b if { nbsrv(votes-for-b) ge 2 }" in lines
    assert "default_backend queue-of-nobody" in lines
    address, port = plan.address("valkey-b").split(":")
    assert f"tcp-check expect string {address}\\r\\n${len(port)}\\r\\n{port}\\r\\n" in lines


def test_nginx_takes_its_configuration(plan: Plan) -> None:
    # The addresses are not this machine's, so only the text is tried.
    certificates = write_nginx(plan)
    folder = plan.folder(EDGE, "nginx")
    program = plan.programs.path("nginx")
    said = subprocess.run(
        [*plan.programs.run_as.prefix, program, "-t", "-p", f"{folder}/", "-c", "nginx.conf"],
        capture_output=True,
        text=True,
    ).stderr

    assert "syntax is ok" in said
    assert oct(certificates.key.stat().st_mode)[-3:] == "600"
    assert write_nginx(plan) == certificates, "certificates of last time are kept"


def test_prometheus_and_alertmanager_take_theirs(plan: Plan) -> None:
    write_monitoring(plan)

    run("promtool", "check", "config", plan.folder(EDGE, "prometheus") / "prometheus.yml")
    run("amtool", "check-config", plan.folder(EDGE, "alertmanager") / "alertmanager.yml")


def test_every_process_of_zavora_is_scraped(plan: Plan) -> None:
    jobs = prometheus_configuration(plan)["scrape_configs"]
    zavora = next(job for job in jobs if job["job_name"] == "zavora")

    assert {one["labels"]["process"] for one in zavora["static_configs"]} == set(ZAVORA)


def test_patroni_dislikes_nothing_but_where_it_is(plan: Plan) -> None:
    write_patroni(plan)

    for host in HOSTS:
        file = plan.folder(host, "patroni") / "patroni.yml"
        said = subprocess.run(
            [plan.programs.patroni, "--validate-config", "--ignore-listen-port", file],
            capture_output=True,
            text=True,
            timeout=60,
        )
        lines = (said.stdout + said.stderr).splitlines()
        # Nothing answers there now, and 127.0.0.1 is no address for a cluster of machines.
        here = ("is not reachable", "must not contain")
        assert [line for line in lines if line and not any(word in line for word in here)] == []


def test_a_commit_waits_for_a_quorum_and_only_the_cluster_gets_in(plan: Plan) -> None:
    content = patroni_configuration(plan, "b")
    settings = content["bootstrap"]["dcs"]

    assert settings["synchronous_mode"] == "quorum"
    assert settings["synchronous_mode_strict"] is True
    assert settings["failsafe_mode"] is True
    assert settings["loop_wait"] + 2 * settings["retry_timeout"] <= settings["ttl"]
    network = plan.network or "127.0.0.1/32"
    assert [line.split()[3:] for line in content["postgresql"]["pg_hba"]] == [
        [network, "scram-sha-256"]
    ] * 2


def test_what_holds_a_secret_is_its_owners_alone(plan: Plan) -> None:
    for write in (write_patroni, write_valkey, write_haproxy, write_nginx, write_monitoring):
        write(plan)

    files = [path for path in plan.home.path.rglob("*") if path.is_file()]
    assert files
    assert [path for path in files if path.stat().st_mode & 0o077] == []


def test_the_database_is_named_by_haproxy_or_by_all_hosts(tmp_path: Path) -> None:
    programs = programs_or_skip()
    by_haproxy = make_plan(tmp_path / "one", programs)
    by_hosts = make_plan(tmp_path / "two", programs, database_by="hosts")
    secret = "secret-of-postgres_run"

    assert by_haproxy.database_url(RUN_USER, host="b") == (
        f"postgresql://zavora_run:{secret}@{by_haproxy.address('primary-b')}/zavora"
    )
    places = ",".join(by_hosts.address(f"postgres-{host}") for host in HOSTS)
    assert by_hosts.database_url(RUN_USER, host="b") == (
        f"postgresql://zavora_run:{secret}@{places}/zavora?target_session_attrs=read-write"
    )
