"""Every set of rules is refused by name, or makes a market that keeps them to the last figure."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings

from matching.commands import KINDS, decode_command, encode
from matching.commands.base import Given
from matching.commands.configure import configure_command
from matching.commands.place import PlaceOrder, placed
from matching.engine import Engine
from matching.engine.commands import Amend, Cancel, ConfigureMarket
from matching.engine.events import OrderRejected, Traded
from matching.markets.soundness import sound_terms
from matching.markets.terms import FIGURES, RULES, AssetTerms, MarketRules, MarketTerms, build_terms
from tests.actors import SYSTEM
from tests.property.market_rules import extreme_orders, market_rules, require_named
from tests.terms import flat_terms
from zavora.foundation.errors import ValidationFailed
from zavora.foundation.money import decimal_to_units, numeric_text_to_units, units_to_text

PLENTY = 10**60


class Shard:
    """A shard that knows two assets."""

    def __init__(self, terms: MarketTerms) -> None:
        self.shard_id = terms.shard_id
        self.assets = {1: terms.base, 2: terms.quote}


POSSIBLE_MIN = 100
MAKER, TAKER = 11, 12


def test_rules_are_refused_by_name_or_keep_their_extremes():
    counts = {"refused": 0, "markets": 0, "orders": 0, "trades": 0}

    @settings(
        max_examples=2_000, deadline=None, suppress_health_check=list(HealthCheck), database=None
    )
    @given(rules=market_rules())
    def run(rules):
        try:
            terms = flat_terms(sound_terms, **rules)
        except ValidationFailed as refused:
            require_named(refused)
            counts["refused"] += 1
            return
        counts["markets"] += 1
        _require_the_same_over_the_wire(terms)
        _require_the_same_from_the_tables(terms)
        if terms.rules.phase == "continuous":
            _trade_at_the_ends(terms, counts)

    run()

    assert counts["markets"] > POSSIBLE_MIN, counts
    assert counts["refused"] > POSSIBLE_MIN, counts
    assert counts["trades"] > POSSIBLE_MIN, counts


def _require_the_same_over_the_wire(terms: MarketTerms) -> None:
    command = decode_command(encode(configure_command(by=SYSTEM, terms=terms)))
    shard = Shard(terms)
    (step,) = KINDS[type(command)].steps(command, Given(1), shard)
    assert step.terms == terms


def _require_the_same_from_the_tables(terms: MarketTerms) -> None:
    """A NUMERIC(38, 18) gives every figure back with eighteen decimals."""
    kept = {
        name: Decimal(units_to_text(decimal_to_units(getattr(terms.rules, name), 18), 18))
        for name in ("tick_size", "lot_size", "min_notional", "max_notional")
    }
    kept |= {name: Decimal(f"{getattr(terms.rules, name):.18f}") for name in FIGURES[4:]}
    fixed = ("market_id", "symbol", "shard_id", "base", "quote")
    rules = {name: getattr(terms.rules, name) for name in RULES} | kept
    given_back = {name: getattr(terms, name) for name in fixed}
    assert build_terms(**given_back, rules=MarketRules(**rules)).integers == terms.integers


def _trade_at_the_ends(terms: MarketTerms, counts: dict[str, int]) -> None:
    """Place, match, amend and cancel at the ends; each figure comes back from its text exactly."""
    for price_ticks, lots in extreme_orders(terms):
        engine = Engine()
        engine.apply(ConfigureMarket(terms.integers, terms.rules.phase, 1))
        sell = _place(engine, terms, 1, "sell", price_ticks, lots)
        assert sell.quantity_lots == lots
        buy = _place(engine, terms, 2, "buy", price_ticks, lots)
        counts["orders"] += 2
        counts["trades"] += 1
        assert (buy.status, sell.status) == ("filled", "filled")
        assert buy.filled_quote_units == price_ticks * lots * terms.integers.tick_lot_units
        _require_text(terms, buy.filled_quote_units, price_ticks, lots)
        rest = _place(engine, terms, 3, "buy", price_ticks, lots)
        amended = engine.apply(Amend(1, TAKER, 3, None, max(1, lots - 1), 4, PLENTY, 2))
        assert isinstance(amended[0], OrderRejected) == (
            lots == 1
            or (lots - 1) * price_ticks * terms.integers.tick_lot_units
            < terms.integers.min_notional_units
        )
        engine.apply(Cancel(1, TAKER, 3, 3))
        assert (rest.status, rest.hold_units) == ("cancelled", 0)


def _place(engine, terms, order_id, side, price_ticks, lots):
    command = PlaceOrder(
        account_id=MAKER if side == "sell" else TAKER,
        market_id=1,
        side=side,
        order_type="limit",
        time_in_force="gtc",
        post_only=False,
        price=terms.price_text(price_ticks),
        quantity=terms.quantity_text(lots),
        quote_quantity=None,
        client_order_id=None,
        key=None,
        deadline_ms=2**50,
    )
    command = decode_command(encode(command))
    events = engine.apply(placed(command, Given(1, order_id, PLENTY), terms))
    assert not isinstance(events[0], OrderRejected), events
    assert [event.price_ticks for event in events if isinstance(event, Traded)] in (
        [],
        [price_ticks],
    )
    return events[0].order


def _require_text(terms: MarketTerms, quote_units: int, price_ticks: int, lots: int) -> None:
    """What stands in a NUMERIC(38, 18), and comes back."""
    for text in (
        terms.quote_text(quote_units),
        terms.price_text(price_ticks),
        terms.quantity_text(lots),
    ):
        whole, _, fraction = text.partition(".")
        assert len(whole) <= 20
        assert len(fraction) <= 18
        assert "E" not in text
    as_numeric = f"{Decimal(terms.price_text(price_ticks)):.18f}"
    units = numeric_text_to_units(as_numeric, terms.tick_decimals)
    assert units == price_ticks * terms.tick_units


def test_a_zero_of_many_decimals_travels_as_a_zero():
    terms = flat_terms(sound_terms, **(_plain() | {"min_notional": Decimal("0E-40")}))
    assert configure_command(by=SYSTEM, terms=terms).min_notional == "0"
    _require_the_same_over_the_wire(terms)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"tick_size": Decimal("1E-19"), "lot_size": Decimal(10)}, "tick_size"),
        ({"tick_size": Decimal("NaN")}, "tick_size"),
        ({"max_price": Decimal("Infinity")}, "max_price"),
        ({"max_price": Decimal("1E-17"), "tick_size": Decimal("1E-16")}, "max_price"),
        ({"max_price": Decimal("1.0000000000000000001")}, "max_price"),
        ({"max_quantity": Decimal("0.1"), "lot_size": Decimal(1)}, "max_quantity"),
        ({"min_notional": Decimal("1E-19")}, "min_notional"),
        (
            {
                "quote": AssetTerms(2, "Q", 2),
                "tick_size": Decimal(1),
                "min_notional": Decimal("0.001"),
            },
            "min_notional",
        ),
        ({"max_notional": Decimal("0.1"), "tick_size": Decimal(1)}, "max_notional"),
        ({"max_price": Decimal(2), "max_quantity": Decimal(2), "min_notional": Decimal(5)},
         "min_notional"),
        ({"band_ppm": 2**31}, "band_ppm"),
        ({"shard_id": 63}, "shard_id"),
        ({"phase": "open"}, "phase"),
        ({"quote": AssetTerms(1, "BASE", 18)}, "quote"),
        ({"self_trade_scope": "nobody"}, "self_trade_scope"),
        ({"max_open_orders": 0}, "max_open_orders"),
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
        ({"phase": "delisted"}, "phase"),
        ({"schedule": "Mon 09:00 halted"}, "schedule"),
        ({"schedule": "daily 17:30 closed"}, "cancels_on_close"),
        ({"time_zone": "Europe"}, "time_zone"),
    ],
)  # fmt: skip
def test_the_field_at_fault_is_named(changes, field):
    with pytest.raises(ValidationFailed) as refused:
        flat_terms(sound_terms, **(_plain() | changes))

    assert set(refused.value.details) == {field}


@pytest.mark.parametrize("decimals", range(15, 19))
def test_the_finest_ticks_have_all_prices_below_ten_to_the_twenty(decimals):
    terms = flat_terms(
        sound_terms,
        **(
            _plain()
            | {"tick_size": Decimal(1).scaleb(-decimals), "max_price": Decimal("9" * 20 + ".9")}
        ),
    )

    assert terms.price_to_ticks("9" * 20) == int("9" * 20) * 10**decimals
    assert terms.integers.max_price_ticks == int("9" * 21) * 10 ** (decimals - 1)
    assert msgspec.msgpack.decode(encode(configure_command(by=SYSTEM, terms=terms)))


def _plain():
    return {
        "market_id": 1,
        "symbol": "BASE/QUOTE",
        "shard_id": 0,
        "base": AssetTerms(1, "BASE", 18),
        "quote": AssetTerms(2, "QUOTE", 18),
        "tick_size": Decimal("0.01"),
        "lot_size": Decimal(1),
        "min_notional": Decimal(0),
        "max_notional": Decimal(10**12),
        "max_price": Decimal(10**12),
        "max_quantity": Decimal(10**12),
        "band_ppm": None,
        "maker_fee_ppm": 0,
        "taker_fee_ppm": 0,
        "phase": "continuous",
    }
