"""``manage.py run_demo_traders``: programs that trade in the demo markets by the public API."""

import asyncio
import json
import signal
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from zavora.demo.loading import tokens_path
from zavora.demo.traders import run_traders
from zavora.foundation.commands import ExampleCommand


class Command(ExampleCommand):
    """Quote and trade until a signal comes."""

    help = (
        "Trade in the demo markets, as any program could: over HTTP and /ws, with tokens that"
        " load_demo made. Ends on SIGTERM or Ctrl-C and cancels its open orders."
    )
    # They import all of the web, which programs that trade from outside have no use for.
    requires_system_checks = []
    examples = ("run_demo_traders", "run_demo_traders --url http://127.0.0.1:8123")

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare --url."""
        parser.add_argument(
            "--url", default=f"http://127.0.0.1:{settings.PORT}", help="where the exchange is"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Read the tokens and trade."""
        try:
            tokens = json.loads(tokens_path().read_text())
        except FileNotFoundError:
            raise CommandError("no tokens: run manage.py load_demo first") from None
        asyncio.run(_until_signalled(options["url"], tokens))


async def _until_signalled(url: str, tokens: dict[str, str]) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await run_traders(url.rstrip("/"), tokens, stop=stop)
