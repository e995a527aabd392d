"""What the API writes: exact figures, hidden counterparties, and just what the document says."""

from datetime import datetime
from decimal import Decimal
from uuid import uuid4

import msgspec
import pytest

from accounts.people.fee_terms import TierRates
from api.binance.words import reports
from api.v1 import fee_words, order_words, words
from api.v1.openapi import documents, fee_documents, money
from api.v1.times import microseconds_of, time_text
from marketdata.feed.view import Ticker
from marketdata.wire import CandleState, PublicTrade
from matching import wire
from matching.conditions import Conditions
from matching.fee_models import FeeTier
from matching.fees.rates import Rate
from matching.fees.selectors import AccountFees, MarketFees
from matching.markets.terms import Promotion
from tests.terms import btc_usd

US = 1_790_000_000_000_001
TERMS = btc_usd(
    market_id=1,
    lot_size=Decimal("0.0001"),
    min_notional=Decimal(5),
    band_ppm=100_000,
    maker_fee_ppm=750,
    taker_fee_ppm=1000,
)
ORDER = wire.OrderState(
    id=7,
    account_id=1,
    market_id=1,
    client_order_id="c",
    side="buy",
    order_type="limit",
    time_in_force="gtc",
    post_only=True,
    price="100.00",
    quantity="3.0000",
    quote_quantity=None,
    remaining_quantity="0.0000",
    filled_quantity="3.0000",
    filled_quote="200.00000000",
    status="filled",
    reason="",
    created_us=US,
    updated_us=US,
)
TRADE = wire.TradeState(
    market_id=1,
    sequence=9,
    run_sequence=9,
    price="100.00",
    quantity="1.0000",
    amount="100.00000000",
    taker_side="sell",
    maker_order_id=7,
    taker_order_id=8,
    maker_account_id=1,
    taker_account_id=2,
    maker_fee="0.00075000",
    taker_fee="0.10000000",
    created_us=US,
)
ACCOUNT = uuid4()


def test_times_have_six_decimals_and_a_z():
    assert time_text(US) == "2026-09-21T14:13:20.000001Z"
    assert time_text(0) == "1970-01-01T00:00:00.000000Z"


@pytest.mark.parametrize(
    ("quote", "quantity", "scale", "mean"),
    [
        ("10500.00000000", "0.5000", 8, "21000.00000000"),
        ("200", "3", 8, "66.66666667"),
        ("0.05", "1", 1, "0.0"),  # half to even
        ("0.15", "1", 1, "0.2"),
        ("1", "0", 8, None),
        ("99999999999999999999.99999999", "0.00000001", 8, "9999999999999999999999999999.00000000"),
    ],
)
def test_the_average_price_is_rounded_half_to_even(quote, quantity, scale, mean):
    assert order_words.average_price(quote, quantity, scale) == mean


def test_an_order_reads_as_documented():
    shape = order_words.order(ORDER, TERMS, ACCOUNT)

    assert (shape["id"], shape["user_id"], shape["market"]) == ("7", str(ACCOUNT), "BTC/USD")
    assert (shape["side"], shape["status"], shape["time_in_force"]) == ("Buy", "Filled", "GTC")
    assert shape["average_fill_price"] == "66.66666667"
    assert shape["reason"] is None


def _shape(*, order_type="limit", status="new", **conditions):
    state = msgspec.structs.replace(
        ORDER,
        order_type=order_type,
        status=status,
        post_only=False,
        conditions=Conditions(**conditions) if conditions else None,
    )
    return order_words.order(state, TERMS, ACCOUNT)


ASKED = documents.Order.__struct_fields__[documents.Order.__struct_fields__.index("stop_price") :]


def test_what_an_order_did_not_ask_for_is_null():
    shape = _shape()

    assert {name: shape[name] for name in ASKED} == dict.fromkeys(ASKED)
    assert shape["prevented_quantity"] is None
    post_only = order_words.order(ORDER, TERMS, ACCOUNT)
    assert {name for name in ASKED if post_only[name] is not None} == {"post_only_mode"}
    assert post_only["post_only_mode"] == "Reject"


@pytest.mark.parametrize(
    ("order_type", "conditions", "shown"),
    [
        ("limit", {}, "Limit"),
        ("market", {"protection_price": "1.00"}, "Market"),
        ("market", {"trigger": "stop", "trigger_price": "1.00"}, "Stop"),
        ("limit", {"trigger": "stop", "trigger_price": "1.00"}, "StopLimit"),
        ("market", {"trigger": "take_profit", "trigger_price": "1.00"}, "TakeProfit"),
        ("limit", {"trigger": "take_profit", "trigger_price": "1.00"}, "TakeProfitLimit"),
        ("market", {"trigger": "stop", "trail_bps": 5}, "TrailingStop"),
        ("limit", {"trigger": "stop", "trail_price": "1.00"}, "TrailingStop"),
        ("market", {"trigger": "take_profit", "trail_price": "1.00"}, "TakeProfit"),
    ],
)
@pytest.mark.parametrize("state", ["", "rising", "queued", "triggered"])
def test_an_order_stays_what_it_was_placed_as(order_type, conditions, shown, state):
    if conditions:
        conditions = {**conditions, "trigger_state": state}
    assert _shape(order_type=order_type, **conditions)["order_type"] == shown


@pytest.mark.parametrize(
    ("status", "state", "shown"),
    [
        ("new", "rising", "Pending"),
        ("new", "falling", "Pending"),
        ("new", "trailing", "Pending"),
        ("new", "queued", "Triggered"),
        ("new", "triggered", "New"),
        ("partially_filled", "triggered", "PartiallyFilled"),
        ("cancelled", "rising", "Cancelled"),
        ("expired", "queued", "Expired"),
    ],
)
def test_a_status_tells_whether_an_order_waits(status, state, shown):
    shape = _shape(status=status, trigger="stop", trigger_price="1.00", trigger_state=state)

    assert shape["status"] == shown


def test_what_an_order_asked_for_reads_as_documented():
    shape = _shape(
        self_trade="decrement", expires_us=US, display_quantity="0.5000", trigger="stop",
        trigger_by="opposite", trail_bps=5, activation_price="2.00", trigger_state="triggered",
        triggered_us=US, slides=True, protection_price="3.00",
    )  # fmt: skip

    assert msgspec.convert(shape, documents.Order)
    assert {name: shape[name] for name in ASKED} == {
        "stop_price": None,
        "trigger_by": "Opposite",
        "trail_price": None,
        "trail_bps": 5,
        "activation_price": "2.00",
        "triggered_at": time_text(US),
        "expires_at": time_text(US),
        "display_quantity": "0.5000",
        "protection_price": "3.00",
        "post_only_mode": None,
        "self_trade_prevention": "Decrement",
        "list_id": None,
        "leg": None,
    }
    waiting = _shape(trigger="stop", trigger_price="9.00", trigger_state="falling")
    assert (waiting["stop_price"], waiting["trigger_by"]) == ("9.00", "Last")
    slid = msgspec.structs.replace(ORDER, conditions=Conditions(slides=True))
    assert order_words.order(slid, TERMS, ACCOUNT)["post_only_mode"] == "Slide"


def test_a_step_says_what_it_was_and_what_kept_it_from_a_trade():
    met = wire.PreventedState(3, 1, "decrement", "100.00", "1.0000", 7, 8, 1, 1, US)
    step = wire.OrderChange("prevented", ORDER, prevented=met)

    assert order_words.change(wire.OrderChange("triggered", ORDER)) == {"change": "Triggered"}
    assert order_words.change(step) == {
        "change": "Prevented",
        "prevention": {
            "mode": "Decrement",
            "price": "100.00",
            "quantity": "1.0000",
            "amount": None,
            "liquidity": "Maker",
            "other_order_id": "8",
            "created_at": time_text(US),
        },
    }


def test_an_order_of_another_account_is_not_named():
    met = wire.PreventedState(3, 1, "taker", "100.00", "1.0000", 8, 7, 2, 1, US)

    told = order_words.change(wire.OrderChange("prevented", ORDER, prevented=met))["prevention"]

    assert (told["liquidity"], told["other_order_id"]) == ("Taker", None)


def test_a_counterparty_stays_unknown():
    shape = words.trade(TRADE, TERMS, {2: ACCOUNT})

    assert (shape["seller_id"], shape["seller_order_id"]) == (str(ACCOUNT), "8")
    assert (shape["buyer_id"], shape["buyer_order_id"]) == (None, None)


def test_an_owner_of_both_sides_sees_both():
    other = uuid4()
    shape = words.trade(TRADE, TERMS, {1: other, 2: ACCOUNT})

    assert (shape["buyer_id"], shape["buyer_order_id"]) == (str(other), "7")


def test_each_party_sees_its_own_fill():
    maker = words.fill(TRADE, TERMS, is_maker=True)
    taker = words.fill(TRADE, TERMS, is_maker=False)

    assert (maker["side"], maker["fee"], maker["fee_asset"], maker["order_id"]) == (
        "Buy",
        "0.00075000",
        "BTC",
        "7",
    )
    assert (taker["side"], taker["fee"], taker["fee_asset"], taker["liquidity"]) == (
        "Sell",
        "0.10000000",
        "USD",
        "Taker",
    )


@pytest.mark.parametrize(
    ("taker_side", "maker", "taker"), [("buy", "BTC", "BTC"), ("sell", "USD", "USD")]
)
def test_a_rebate_is_in_the_asset_of_the_takers_fee(taker_side, maker, taker):
    trade = msgspec.structs.replace(TRADE, taker_side=taker_side, maker_fee="-0.00050000")

    fill = words.fill(trade, TERMS, is_maker=True)
    assert (fill["fee"], fill["fee_asset"]) == ("-0.00050000", maker)
    assert words.fill(trade, TERMS, is_maker=False)["fee_asset"] == taker
    assert reports.commission(trade, TERMS, is_maker=True) == ("-0.00050000", maker)
    assert reports.commission(trade, TERMS, is_maker=False)[1] == taker


def test_what_an_account_pays_reads_as_documented():
    maker, taker = Rate(-50, "account_market", US), Rate(1_000, "market")
    tier = FeeTier(2, Decimal("1000.500"), -50, 700)
    fees = AccountFees(
        volume=Decimal("2000.10"), volume_asset="USD", tier=TierRates(US, 2, -50, 700),
        next_tier=TierRates(US, 0, 0, 0), tiers=[tier],
        markets=[MarketFees("BTC/USD", maker, taker)],
    )  # fmt: skip
    shape = fee_words.account_fees(fees)

    assert msgspec.convert(shape, fee_documents.AccountFees)
    assert tuple(shape) == fee_documents.AccountFees.__struct_fields__
    assert (shape["volume"], shape["tiers"][0]["min_volume"]) == ("2000.1", "1000.5")
    (market,) = shape["markets"]
    assert market["maker"] == {
        "fee": "-0.00005", "source": "AccountMarket", "ends_at": time_text(US),
    }  # fmt: skip
    assert market["taker"] == {"fee": "0.001", "source": "Market", "ends_at": None}
    assert shape["tier"]["taker_fee"] == "0.0007"
    assert (shape["next_tier"]["level"], shape["next_tier"]["maker_fee"]) == (0, None)


def test_a_promotion_is_told_with_its_times():
    assert words.market(TERMS)["promotion"] is None
    promoted = msgspec.structs.replace(TERMS, promotion=Promotion(-1, 0, US, US + 1))
    shape = words.market(promoted)["promotion"]
    assert tuple(shape) == fee_documents.Promotion.__struct_fields__
    assert (shape["maker_fee"], shape["taker_fee"]) == ("-0.000001", "0")
    assert (shape["starts_at"], shape["ends_at"]) == (time_text(US), time_text(US + 1))


def test_rates_of_the_compatible_api_have_eight_decimals():
    assert [reports.rate_text(ppm) for ppm in (750, 0, -750, -1_000_000)] == [
        "0.00075000", "0.00000000", "-0.00075000", "-1.00000000",
    ]  # fmt: skip


def test_rates_are_fractions_without_noise():
    assert [words.rate(ppm) for ppm in (0, 750, 1000, 1_000_000)] == ["0", "0.00075", "0.001", "1"]


def test_every_shape_has_exactly_the_documented_fields():
    trade = PublicTrade(9, 9, "100.00", "1.0000", "100.00000000", "sell", US)
    ticker = Ticker("BTC/USD", *("1",) * 10, 3, "1", US)
    candle = CandleState(1, "12h", 0, *("1",) * 8, 3, 1, 3)
    written = {
        documents.Order: order_words.order(ORDER, TERMS, ACCOUNT),
        documents.Trade: words.trade(TRADE, TERMS, {}),
        documents.Fill: words.fill(TRADE, TERMS, is_maker=True),
        documents.PublicTrade: words.public_trade(trade, TERMS),
        documents.Market: words.market(TERMS),
        documents.Ticker: words.ticker(ticker),
        documents.Candle: words.candle(candle, "BTC/USD"),
        money.Balance: words.balance_of_units(
            account_id=ACCOUNT,
            asset="BTC",
            scale=8,
            available_units=1,
            locked_units=2,
            updated_us=US,
        ),
    }

    for struct, shape in written.items():
        assert tuple(shape) == struct.__struct_fields__, struct.__name__


def test_a_candle_closes_when_the_next_one_opens():
    shape = words.candle(CandleState(1, "12h", 0, *("1",) * 8, 3, 1, 3), "BTC/USD")

    assert (shape["interval"], shape["close_time"]) == ("Hour12", "1970-01-01T12:00:00.000000Z")


def test_a_balance_adds_up_in_units():
    shape = words.balance_of_units(
        account_id=ACCOUNT, asset="BTC", scale=8, available_units=1, locked_units=2, updated_us=US
    )

    assert (shape["available"], shape["locked"], shape["total"]) == (
        "0.00000001",
        "0.00000002",
        "0.00000003",
    )


def test_microseconds_survive_the_way_through_a_datetime():
    assert microseconds_of(datetime.fromisoformat(time_text(US))) == US
