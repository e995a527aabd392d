"""Rules at the ends of what is possible, through services, worker, tables and back."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings

from matching.commands import decode_command
from matching.commands.amend import AmendOrder
from matching.commands.cancel import CancelOrder
from matching.commands.phase import SetMarketPhase
from matching.commands.place import PlaceOrder
from matching.markets.terms import MarketTerms
from tests.actors import SYSTEM
from tests.property.market_rules import extreme_orders, market_rules, require_named
from zavora.foundation.errors import ValidationFailed
from zavora.foundation.money import units_to_decimal

pytestmark = pytest.mark.django_db(transaction=True)

EXAMPLES = 60
MARKETS_MIN = 10
TRADES_MIN = 15
MAXIMUM = 10**20


class Floor:
    """A shard without a queue, and a seller and a buyer who own nearly all that there can be."""

    def __init__(self, shard: Any) -> None:
        from accounts.services import ensure_user

        self.shard = shard
        self.time_us = 1_760_000_000_000_000
        self.codes = 0
        self.counts = {"refused": 0, "markets": 0, "trades": 0}
        self.seller, self.buyer = (
            ensure_user(by=SYSTEM, email=f"{name}@example.com").accounts.get()
            for name in ("seller", "buyer")
        )

    def new_asset(self, scale: int, owner: Any) -> str:
        from accounts.services import create_asset, deposit

        self.codes += 1
        code = f"A{self.codes}"
        create_asset(by=SYSTEM, code=code, name=code, scale=scale)
        all_there_can_be = units_to_decimal(MAXIMUM * 10**scale - 1, scale)
        deposit(
            by=SYSTEM,
            account_id=owner.public_id,
            asset=code,
            amount=all_there_can_be,
            source="bank",
        )
        return code

    def apply(self, *commands: Any) -> list[Any]:
        self.time_us += 1_000
        replies: list[Any] = self.shard.apply(commands, time_us=self.time_us)
        return replies

    def place(self, terms: MarketTerms, account: Any, side: str, ticks: int, lots: int) -> Any:
        return PlaceOrder(
            account.pk, terms.market_id, side, "limit", "gtc", False,  # type: ignore[arg-type]
            terms.price_text(ticks), terms.quantity_text(lots), None, None, None, 2**50,
        )  # fmt: skip


@pytest.fixture
def floor(transactional_db: None) -> Iterator[Floor]:
    from matching.worker.offline import OfflineShard

    with OfflineShard(0) as shard:
        yield Floor(shard)


def test_rules_are_refused_by_name_or_settle_their_extremes(floor: Floor) -> None:
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
        derandomize=True,
    )
    @given(rules=market_rules())
    def run(rules: dict[str, Any]) -> None:
        _try(floor, rules)

    run()

    assert floor.counts["refused"] > 0
    assert floor.counts["markets"] >= MARKETS_MIN, floor.counts
    assert floor.counts["trades"] >= TRADES_MIN, floor.counts
    _assert_sound(floor)


def _try(floor: Floor, rules: dict[str, Any]) -> None:
    from matching.markets.selectors import get_market_terms
    from matching.models import Market
    from matching.services import new_market_command

    base = floor.new_asset(rules["base"].scale, floor.seller)
    quote = floor.new_asset(rules["quote"].scale, floor.buyer)
    asked = rules | {"base": base, "quote": quote}
    del asked["market_id"], asked["symbol"]
    markets = Market.objects.count()
    try:
        command = new_market_command(by=SYSTEM, **asked)
    except ValidationFailed as refused:
        require_named(refused)
        assert Market.objects.count() == markets
        floor.counts["refused"] += 1
        return
    if asked["shard_id"] != 0:
        return  # such a market is another worker's
    (reply,) = floor.apply(command)
    assert (reply.code, reply.message) == ("", "")
    floor.counts["markets"] += 1
    terms = get_market_terms(command.symbol)
    if terms.rules.phase == "continuous":
        _trade_at_the_ends(floor, terms)


def _trade_at_the_ends(floor: Floor, terms: MarketTerms) -> None:
    from accounts.money.selectors import get_balance

    for ticks, lots in extreme_orders(terms):
        has_base = get_balance(floor.seller.public_id, terms.base.code).available
        has_quote = get_balance(floor.buyer.public_id, terms.quote.code).available
        amount = ticks * lots * terms.integers.tick_lot_units
        if has_quote < Decimal(terms.quote_text(amount)) or has_base < Decimal(
            terms.quantity_text(lots)
        ):
            continue  # earlier extremes took it
        if terms.rules.band_ppm is not None and floor.counts["trades"]:
            continue
        placed, met = floor.apply(
            floor.place(terms, floor.seller, "sell", ticks, lots),
            floor.place(terms, floor.buyer, "buy", ticks, lots),
        )
        assert (placed.code, met.code) == ("", ""), (placed, met)
        assert [trade.quantity for trade in met.trades] == [terms.quantity_text(lots)]
        floor.counts["trades"] += 1
    (rest,) = floor.apply(
        floor.place(terms, floor.seller, "sell", terms.integers.max_price_ticks, 1)
    )
    if not rest.code:
        order_id = rest.orders[0].id
        amend = AmendOrder(
            floor.seller.pk, terms.market_id, order_id, None, terms.quantity_text(2), None, 2**50
        )
        cancel = CancelOrder(floor.seller.pk, terms.market_id, order_id)
        amended, cancelled = floor.apply(amend, cancel)
        assert amended.code in ("", "invalid_order", "insufficient_balance")
        assert cancelled.orders[0].status == "cancelled"


def _assert_sound(floor: Floor) -> None:
    from matching.models import Command, Market
    from matching.reconcile import reconcile
    from matching.worker.connection import connect
    from matching.worker.rebuild import load_shard
    from matching.worker.replay import verify_shard

    assert not Command.objects.filter(outcome="void").exists()
    assert not Market.objects.filter(phase="halted", state__trade_sequence__gt=0).exists()
    assert [found.text() for found in reconcile()] == []
    with transaction.atomic(), connect(shard_id=0, owner="test") as session:
        found = verify_shard(session, 0)
    assert found.differences == []
    with transaction.atomic(), connect(shard_id=0, owner="test") as session:
        rebuilt = load_shard(session, 0)[0].engine.state_hash()
    assert rebuilt == floor.shard.state_hash()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"band_ppm": 2**31}, "band_ppm"),
        ({"max_price": "0.001"}, "max_price"),
        ({"max_quantity": "0.000000001"}, "max_quantity"),
        ({"max_price": "1.0000000000000000001"}, "max_price"),
        ({"min_notional": "0.000000001"}, "min_notional"),
        ({"max_notional": "0"}, "max_notional"),
        ({"tick_size": "0.0000000000000000001"}, "tick_size"),
        ({"taker_fee_ppm": 1_000_001}, "taker_fee_ppm"),
        ({"maker_fee_ppm": -1_000_001}, "maker_fee_ppm"),
        ({"taker_fee_ppm": -1}, "taker_fee_ppm"),
        ({"promotion_taker_fee_ppm": 0}, "promotion_ends_at"),
        ({"phase": "open"}, "phase"),
        ({"self_trade_scope": "nobody"}, "self_trade_scope"),
        ({"max_open_orders": 0}, "max_open_orders"),
        ({"max_open_orders": 10**12}, "max_open_orders"),
        ({"self_trade_mode": "nobody"}, "self_trade_mode"),
        ({"self_trade_mode": "none"}, "self_trade_mode"),
        ({"self_trade_modes": "taker,taker"}, "self_trade_modes"),
        ({"self_trade_modes": ""}, "self_trade_modes"),
        ({"self_trade_modes": "taker, maker"}, "self_trade_modes"),
        ({"max_trigger_orders": -1}, "max_trigger_orders"),
        ({"max_trigger_orders": 10**9}, "max_trigger_orders"),
        ({"max_iceberg_parts": 0}, "max_iceberg_parts"),
        ({"protection_ppm": -1}, "protection_ppm"),
        ({"protection_ppm": 10**9}, "protection_ppm"),
        ({"min_trail_bps": 0}, "min_trail_bps"),
        ({"min_trail_bps": 2_001}, "min_trail_bps"),
        ({"max_trail_bps": 10_000}, "max_trail_bps"),
        ({"quote_id": "base"}, "quote"),
    ],
)
def test_the_worker_itself_refuses_rules_by_name(
    bench: Any, change: dict[str, Any], field: str
) -> None:
    """Whoever queues a command: it is journaled as a refusal, and nothing halts."""
    import msgspec

    from matching.commands.configure import configure_command
    from matching.markets.selectors import get_market_terms
    from matching.models import Command, Market

    bench.market()
    before = configure_command(by=SYSTEM, terms=get_market_terms("BTC/USD"))
    if change == {"quote_id": "base"}:
        change = {"quote_id": before.base_id}

    replies = [bench.apply(msgspec.structs.replace(before, **change))[0] for _ in range(4)]

    assert {reply.code for reply in replies} == {"validation_error"}
    assert all(f"{field}: expected " in reply.message for reply in replies)
    assert configure_command(by=SYSTEM, terms=get_market_terms("BTC/USD")) == before
    assert not Command.objects.filter(outcome="void").exists()
    assert Market.objects.get().phase == "continuous"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"max_price": Decimal("0.001")}, "max_price"),
        ({"max_quantity": Decimal("NaN")}, "max_quantity"),
        ({"tick_size": Decimal("1E-19")}, "tick_size"),
        ({"band_ppm": 2**31}, "band_ppm"),
        ({"max_open_orders": 0}, "max_open_orders"),
        ({"self_trade_scope": "nobody"}, "self_trade_scope"),
    ],
)
def test_a_change_of_rules_is_refused_by_name_before_anything_is_queued(
    bench: Any, change: dict[str, Any], field: str
) -> None:
    """No worker listens here: whatever is queued would be refused for want of one."""
    from accounts.models import AuditRecord
    from matching.services import change_market

    bench.market()

    with pytest.raises(ValidationFailed) as refused:
        change_market(by=SYSTEM, symbol="BTC/USD", **change)

    assert set(refused.value.details) == {field}
    assert not AuditRecord.objects.filter(act="market.change").exists()


def test_an_unknown_phase_is_refused_by_the_worker(bench: Any) -> None:
    from matching.models import Market

    market = bench.market()

    (reply,) = bench.apply(SetMarketPhase(market, "open"))

    assert (reply.code, "phase: expected one of" in reply.message) == ("validation_error", True)
    assert Market.objects.get().phase == "continuous"


def test_more_open_orders_than_a_market_allows_are_refused(bench: Any) -> None:
    from matching.models import Order

    market = bench.market(max_open_orders=2)
    bench.apply(*[bench.order(0, market, f"buy 1 @ {price}") for price in (10, 11)])

    replies = bench.apply(
        bench.order(0, market, "buy 1 @ 12"),
        bench.order(0, market, "buy 1 @ 12", time_in_force="ioc"),
        bench.order(1, market, "buy 1 @ 12"),
    )

    assert [(reply.code, reply.reason) for reply in replies] == [
        ("invalid_order", "too_many_open_orders"), ("", ""), ("", ""),
    ]  # fmt: skip
    assert Order.objects.count() == 4


@pytest.mark.parametrize(
    "change",
    [
        {"client_order_id": "x" * 65},
        {"key": "x" * 161},
        {"account_id": 2**63},
        {"market_id": 2**63},
        {"account_id": -1},
        {"price": "1" * 41},
    ],
    ids=str,
)
def test_a_command_beyond_the_tables_is_none_and_stops_nobody(
    bench: Any, change: dict[str, Any]
) -> None:
    """Its journal row could not be written, not even as void: the worker would not get past it."""
    import msgspec

    from matching import wire

    market = bench.market()
    beyond = msgspec.structs.replace(bench.order(0, market, "buy 1 @ 10"), **change)

    with pytest.raises(msgspec.ValidationError):
        decode_command(wire.encode(beyond))
