"""``manage.py create_market``: add a market, while everything runs or before anything does."""

from argparse import ArgumentParser
from decimal import Decimal
from typing import Any, Final

from django.core.management.base import CommandError

from accounts.access.actor import Actor
from matching.engine.rules import SELF_TRADE_MODES
from matching.markets.soundness import PHASES, SELF_TRADE_SCOPES
from matching.markets.terms import (
    DEFAULT_MAX_OPEN_ORDERS,
    DEFAULT_MAX_ORDER_LISTS,
    DEFAULT_MAX_TRIGGER_ORDERS,
    DEFAULT_MAXIMUM,
    DEFAULT_SELF_TRADE_MODES,
    FIGURES,
    MESSAGES_WINDOW_S,
)
from matching.services import create_market, new_market_command
from matching.worker.offline import OfflineShard
from zavora.foundation.commands import ExampleCommand, command_error
from zavora.foundation.digits import number_of
from zavora.foundation.errors import EngineUnavailable, ZavoraError
from zavora.foundation.money import NotExact, parse_decimal
from zavora.foundation.times import now_us

BY: Final = Actor.system("manage.py create_market")
COUNT_DIGITS_MAX: Final = 9


class Command(ExampleCommand):
    """Add a market between two assets."""

    help = (
        "Add a market between two existing assets. The shard's worker takes it up at once; where"
        " no worker runs, the market is written by the same pipeline for the next one to load."
    )
    examples = (
        "create_market BTC/EUR --tick-size 0.01 --lot-size 0.00001",
        "create_market ETH/BTC --tick-size 0.00001 --lot-size 0.001 --taker-fee 0.001 --shard 1",
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("symbol", help="base and quote, such as BTC/EUR")
        parser.add_argument("--tick-size", required=True, help="smallest step of the price")
        parser.add_argument("--lot-size", required=True, help="smallest step of the quantity")
        parser.add_argument("--min-notional", default="0", help="smallest price x quantity")
        maximum = format(DEFAULT_MAXIMUM, "f")
        parser.add_argument("--max-notional", default=maximum, help="largest price x quantity")
        parser.add_argument("--max-price", default=maximum)
        parser.add_argument("--max-quantity", default=maximum)
        parser.add_argument("--band", help="how far a price may be from the last, such as 0.2")
        parser.add_argument("--maker-fee", default="0", help="a fraction, such as 0.00075")
        parser.add_argument("--taker-fee", default="0", help="a fraction, such as 0.001")
        parser.add_argument(
            "--max-open-orders",
            default=str(DEFAULT_MAX_OPEN_ORDERS),
            help='how many open orders an account may have in the market, or "none"',
        )
        parser.add_argument(
            "--self-trade-scope",
            default="owner",
            choices=SELF_TRADE_SCOPES,
            help="whose orders never trade with each other",
        )
        parser.add_argument(
            "--self-trade-mode",
            default="taker",
            choices=SELF_TRADE_MODES,
            help="what becomes of an owner's orders that meet, where the new one does not say",
        )
        parser.add_argument(
            "--self-trade-modes",
            default=DEFAULT_SELF_TRADE_MODES,
            help="what an order may say of it, with commas between",
        )
        parser.add_argument(
            "--max-trigger-orders",
            default=str(DEFAULT_MAX_TRIGGER_ORDERS),
            help='how many of an account\'s orders may wait for a price, or "none": any number',
        )
        parser.add_argument(
            "--max-order-lists",
            default=str(DEFAULT_MAX_ORDER_LISTS),
            help='how many lists of orders an account may have open, or "none": any number',
        )
        parser.add_argument("--max-position", help="how much of the base asset one may have")
        parser.add_argument(
            "--max-messages",
            default="none",
            help=f"orders of an account in {MESSAGES_WINDOW_S} seconds, amendments counted in",
        )
        parser.add_argument("--phase", default="continuous", choices=PHASES)
        parser.add_argument(
            "--schedule",
            default="",
            help='phases by the clock, with semicolons between: "Mon-Fri 09:00 continuous;'
            ' Mon-Fri 17:30 closed"; orders outlast the close then',
        )
        parser.add_argument("--time-zone", default="UTC", help="of the schedule")
        parser.add_argument("--shard", type=int, default=0)

    def handle(self, *args: Any, **options: Any) -> None:
        """Add the market and say so."""
        base, _, quote = options["symbol"].upper().partition("/")
        if not base or not quote:
            raise CommandError("symbol: expected base and quote, such as BTC/EUR")
        rules: dict[str, Any] = {name: _decimal(name, options[name]) for name in FIGURES}
        rules |= {
            "base": base,
            "quote": quote,
            "band_ppm": None if options["band"] is None else _ppm("band", options["band"]),
            "maker_fee_ppm": _ppm("maker_fee", options["maker_fee"]),
            "taker_fee_ppm": _ppm("taker_fee", options["taker_fee"]),
            "max_open_orders": _count("max_open_orders", options["max_open_orders"]),
            "self_trade_scope": options["self_trade_scope"],
            "self_trade_mode": options["self_trade_mode"],
            "self_trade_modes": options["self_trade_modes"],
            "max_trigger_orders": _count("max_trigger_orders", options["max_trigger_orders"]),
            "max_order_lists": _count("max_order_lists", options["max_order_lists"]),
            "max_position": None
            if options["max_position"] is None
            else _decimal("max_position", options["max_position"]),
            "max_messages": _count("max_messages", options["max_messages"]),
            "phase": options["phase"],
            "schedule": "\n".join(line.strip() for line in options["schedule"].split(";")),
            "time_zone": options["time_zone"],
            "cancels_on_close": not options["schedule"],
            "shard_id": options["shard"],
        }
        try:
            try:
                create_market(by=BY, **rules)
            except EngineUnavailable:
                _create_offline(rules)
        except ZavoraError as error:
            raise command_error(error) from error
        self.stdout.write(f"market {base}/{quote} created on shard {options['shard']}")


def _create_offline(rules: dict[str, Any]) -> None:
    command = new_market_command(by=BY, **rules)
    with OfflineShard(rules["shard_id"]) as shard:
        shard.apply_or_raise(command, time_us=now_us())


def _decimal(name: str, text: str) -> Decimal:
    try:
        return parse_decimal(text)
    except NotExact as error:
        raise CommandError(f"--{name.replace('_', '-')}: {error}") from None


def _count(name: str, text: str) -> int | None:
    """Return a whole number; None for the word none."""
    if text.lower() == "none":
        return None
    count = number_of(text, digits_max=COUNT_DIGITS_MAX)
    if count is None:
        raise CommandError(f'--{name.replace("_", "-")}: expected a whole number or "none"')
    return count


def _ppm(name: str, text: str) -> int:
    """Return a fraction such as 0.001 in parts per million."""
    parts = _decimal(name, text) * 1_000_000
    if parts != int(parts) or parts < 0:
        raise CommandError(
            f"--{name.replace('_', '-')}: expected at most 6 decimals, such as 0.001"
        )
    return int(parts)
