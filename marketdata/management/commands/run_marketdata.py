"""The market data service as a command."""

import signal
import threading
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from marketdata.candles.service_loop import MarketDataService
from marketdata.wire import PARTS
from matching.gateway.watch import QueueWatch
from zavora.foundation import failures, metrics, metrics_listener
from zavora.foundation.lasting import UnsafeServer


class Command(BaseCommand):
    """Counts committed trades into candles and publishes tickers, until it is told to stop."""

    help = (
        "Run the market data service: candles from committed trades, tickers each second. "
        "One instance is active; start a second one as standby. SIGTERM or Ctrl-C ends it. "
        "Example: manage.py run_marketdata"
    )
    # They import all of the web, which this service has no use for.
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Serve until SIGTERM or SIGINT."""
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        failures.start("marketdata")
        try:
            service = MarketDataService(stop)
            watch = QueueWatch(lambda: service.shards() | set(settings.ZAVORA_SHARDS), PARTS)
            metrics_listener.start(metrics.MARKET_DATA, [watch.refresh])
            service.run()
        except UnsafeServer as error:
            raise CommandError(str(error)) from error
