"""``manage.py healthcheck``: liveness and readiness of every process, for probes and people."""

from argparse import ArgumentParser
from typing import Any, Final

import httpx
from django.conf import settings
from django.core.management.base import CommandError
from redis.exceptions import RedisError

from accounts.redis_client import get_redis
from marketdata.wire import HEARTBEAT_KEY
from matching.wire import heartbeat_name, standby_name
from zavora.foundation.commands import ExampleCommand
from zavora.foundation.queue import CELERY_KEY

WEB_TIMEOUT_S: Final = 3.0


class Command(ExampleCommand):
    """Exit 0 where a process shows life, 1 where it does not."""

    help = (
        "Ask whether a process is well: web (the exchange's health as it sees it; with --ready"
        " whether this web process has its feed and its queue), worker (the live one of a shard;"
        " with --standby, or a waiting one), marketdata, celery (worker and beat)."
    )
    examples = (
        "healthcheck web",
        "healthcheck web --ready",
        "healthcheck worker --shard 0",
        "healthcheck worker --shard 0 --standby",
        "healthcheck marketdata",
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("process", choices=("web", "worker", "marketdata", "celery"))
        parser.add_argument("--shard", type=int, default=0, help="which worker")
        parser.add_argument(
            "--ready", action="store_true", help="this web process alone, not the exchange"
        )
        parser.add_argument("--standby", action="store_true", help="a waiting worker will do, too")

    def handle(self, *args: Any, **options: Any) -> None:
        """Ask, say what was found, and exit accordingly."""
        process = options["process"]
        if options["ready"] and process != "web":
            raise CommandError("--ready: only web has it")
        if process == "web":
            found = _web_status("/health/ready" if options["ready"] else "/health")
        else:
            found = _sign_of_life(_keys(process, options["shard"], options["standby"]))
        if found is None:
            raise CommandError(f"{process} shows no sign of life")
        self.stdout.write(f"{process} is up: {found}")


def _keys(process: str, shard: int, or_standby: bool) -> list[str]:
    if process == "worker":
        return [heartbeat_name(shard), *([standby_name(shard)] if or_standby else [])]
    return [{"marketdata": HEARTBEAT_KEY, "celery": CELERY_KEY}[process]]


def _sign_of_life(keys: list[str]) -> str | None:
    try:
        values: Any = get_redis().mget(keys)
    except RedisError as error:
        raise CommandError(f"the queue does not answer: {error}") from error
    return next((value.decode() for value in values if value is not None), None)


def _web_status(path: str) -> str | None:
    try:
        answer = httpx.get(f"http://127.0.0.1:{settings.PORT}{path}", timeout=WEB_TIMEOUT_S)
    except httpx.HTTPError as error:
        raise CommandError(f"web does not answer: {error}") from error
    status = str(answer.json().get("status"))
    return status if answer.status_code == httpx.codes.OK else None
