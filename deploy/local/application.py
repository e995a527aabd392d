"""Zavora's own processes: production settings, and who runs where."""

import dataclasses
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from deploy.local.hosts import EDGE
from deploy.local.missing import project_folder
from deploy.local.nginx import NAMES
from deploy.local.plan import (
    BEAT,
    CELERY,
    MARKET_DATA,
    OWNER,
    RUN_USER,
    SHARDS,
    SUPERUSER,
    WEBS,
    WORKERS,
    Plan,
    host_of,
)
from zavora.runner.embedded.discovery import OWNER_URL_VARIABLE
from zavora.runner.exchange import (
    celery_beat,
    celery_worker,
    manage,
    marketdata,
    matching_worker,
    web,
)
from zavora.runner.home import Home
from zavora.runner.processes import ProcessSpec, Stage

# What differs from a real site, because all clients of a trial come from one address and load it
# from few accounts. Limits hold for everybody: Zavora has none of single accounts.
TRIAL_SETTINGS: Final = {
    **{f"ZAVORA_RATE_LIMIT_{who}_PER_MINUTE": "600000" for who in ("IP", "KEY", "ACCOUNT")},
    "ZAVORA_COMPAT_WEIGHT_PER_MINUTE": "600000",
    "ZAVORA_COMPAT_ORDERS_PER_10S": "100000",
    "ZAVORA_COMPAT_ORDERS_PER_DAY": "100000000",
    "ZAVORA_CONNECTIONS_PER_ADDRESS_MAX": "2500",
    "ZAVORA_SOCKETS_PER_ADDRESS_MAX": "2000",
}
MIGRATE: Final = ("migrate", "--noinput", "-v0")
# Names the superuser's URL to the step that makes the roles, and to nothing else.
SUPERUSER_URL_VARIABLE: Final = "ZAVORA_CLUSTER_SUPERUSER_URL"
# A folder of links to checkouts, each by the name of the process that runs from there: how several
# versions run side by side (``make mixed-trial``). What has no link runs from this checkout.
CHECKOUTS_VARIABLE: Final = "ZAVORA_CLUSTER_CHECKOUTS"


def environment(plan: Plan, *, host: str) -> dict[str, str]:
    """Return the settings of a process on a host.

    Settings of the caller's (``ZAVORA_...``, ``LOG_LEVEL``) win over the trial's, never over what
    makes the cluster one.
    """
    edge = plan.hosts[EDGE].address
    folder = plan.folder(host, "zavora")
    mail = plan.folder(host, "mail")
    return {
        **TRIAL_SETTINGS,
        **_callers_settings(os.environ),
        **plan.environment(),
        "DJANGO_SETTINGS_MODULE": "zavora.settings",
        "PYTHONUNBUFFERED": "1",
        "DEBUG": "0",
        "ZAVORA_DEMO": "0",
        "ZAVORA_HOME": str(folder),
        "SECRET_KEY": plan.secrets["django_secret_key"],
        "ZAVORA_SEALING_KEYS": plan.secrets["sealing_key"],
        "DATABASE_URL": plan.database_url(RUN_USER, host=host),
        "REDIS_URL": plan.redis_url(host=host),
        "ZAVORA_REQUIRE_SYNC_REPLICA": "1",
        "ZAVORA_SHARDS": ",".join(str(shard) for shard in SHARDS),
        "ZAVORA_TRUSTED_PROXIES": edge,
        # nginx keeps a connection for 5 s that nobody uses.
        "ZAVORA_DRAIN_S": "6",
        "ALLOWED_HOSTS": ",".join(
            dict.fromkeys((*NAMES, edge, *(one.address for one in plan.hosts.values())))
        ),
        "CSRF_TRUSTED_ORIGINS": ",".join(
            f"https://{name}:{plan.ports['https']}" for name in dict.fromkeys((*NAMES, edge))
        ),
        "EMAIL_URL": f"filemail:///{mail}",
    }


def _callers_settings(variables: Mapping[str, str]) -> dict[str, str]:
    return {
        name: value
        for name, value in variables.items()
        if name == "LOG_LEVEL"
        or (name.startswith("ZAVORA_") and not name.startswith(("ZAVORA_CLUSTER_", "ZAVORA_TEST_")))
    }


def application_specs(plan: Plan) -> list[ProcessSpec]:
    """Return how to run all processes, what trades first."""
    specs = []
    for name in WORKERS:
        shard = int(name.split("-")[1])
        specs.append(matching_worker(_settings(plan, name), shard=shard, name=name))
    for name in MARKET_DATA:
        specs.append(dataclasses.replace(marketdata(_settings(plan, name)), name=name))
    for name in WEBS:
        port, address = plan.ports[name], plan.host(name).address
        settings = {**_settings(plan, name), "PORT": str(port)}
        spec = web(settings, port=port, server="uvicorn", host=address)
        specs.append(dataclasses.replace(spec, name=name))
    specs.append(dataclasses.replace(celery_worker(_settings(plan, CELERY)), name=CELERY))
    schedule = Home(plan.folder(host_of(BEAT), "zavora"))
    schedule.run.mkdir(mode=0o700, exist_ok=True)
    beat = celery_beat(_settings(plan, BEAT), home=schedule)
    specs.append(dataclasses.replace(beat, name=BEAT))
    return [_on_its_host(plan, _of_its_checkout(spec)) for spec in specs]


def _settings(plan: Plan, name: str) -> dict[str, str]:
    own = {"ZAVORA_METRICS_BIND": plan.address(f"metrics-{name}")}
    return {**environment(plan, host=host_of(name)), **own}


def _on_its_host(plan: Plan, spec: ProcessSpec) -> ProcessSpec:
    return dataclasses.replace(spec, argv=(*plan.host(spec.name).enter, *spec.argv))


def _of_its_checkout(spec: ProcessSpec) -> ProcessSpec:
    """Let a process run from the checkout that a link of its name leads to, where there is one.

    It enters the link's target once: a link that leads elsewhere changes the next start alone.
    """
    links = os.environ.get(CHECKOUTS_VARIABLE)
    if not links or not (folder := Path(links) / spec.name).is_dir():
        return spec
    here = {sys.executable: ".venv/bin/python", str(project_folder() / "manage.py"): "manage.py"}
    return dataclasses.replace(
        spec, argv=tuple(here.get(word, word) for word in spec.argv), cwd=folder
    )


def preparing_specs(plan: Plan, *, accounts_file: str) -> list[ProcessSpec]:
    """Return the steps that make roles, tables, markets and accounts; each may be repeated."""
    settings = environment(plan, host="a")
    owner = {OWNER_URL_VARIABLE: plan.database_url(OWNER, host="a"), "LOG_LEVEL": "ERROR"}
    superuser = plan.database_url(SUPERUSER, host="a", database="postgres")
    return [
        ProcessSpec(
            name="roles",
            argv=(*plan.hosts["a"].enter, sys.executable, "-m", "deploy.local.roles"),
            env={**settings, **owner, SUPERUSER_URL_VARIABLE: superuser},
            cwd=project_folder(),
        ),
        _on_host_a(plan, manage("tables", *MIGRATE, env={**settings, **owner})),
        _on_host_a(
            plan,
            ProcessSpec(
                name="markets",
                argv=(sys.executable, "-m", "deploy.local.seed", accounts_file),
                env={
                    **settings,
                    "LOG_LEVEL": "ERROR",
                    "DJANGO_SUPERUSER_PASSWORD": plan.secrets["operator_password"],
                },
                cwd=project_folder(),
                stage=Stage.CORE,
            ),
        ),
    ]


def _on_host_a(plan: Plan, spec: ProcessSpec) -> ProcessSpec:
    spec = _of_its_checkout(spec)
    return dataclasses.replace(spec, argv=(*plan.hosts["a"].enter, *spec.argv))
