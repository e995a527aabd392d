"""Fees and rebates through the worker: no cent is made or lost, and no fill costs the house."""

import random
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from django.db.models import Q, Sum

from accounts.models import Account, LedgerEntry
from accounts.people.fee_terms import TierRates
from accounts.services import assign_fee_tiers, set_account_fees
from matching.commands.cancel import CancelOrder
from matching.commands.configure import configure_command
from matching.markets.selectors import get_market_terms
from matching.markets.terms import MarketTerms, build_terms
from matching.models import Order, Trade
from matching.reconcile import reconcile
from matching.worker.connection import connect
from matching.worker.replay import verify_shard
from tests.actors import SYSTEM
from tests.integration.matching.conftest import TIME_US, Bench

pytestmark = pytest.mark.django_db(transaction=True)

START = datetime.fromtimestamp(TIME_US / 1_000_000, UTC)


def change(bench: Bench, **rules: Any) -> MarketTerms:
    """Change a market's rules by a command, and return its terms."""
    former = get_market_terms("BTC/USD")
    fixed = {name: getattr(former, name) for name in ("market_id", "shard_id", "base", "quote")}
    changed = msgspec.structs.replace(former.rules, **rules)
    terms = build_terms(symbol=former.symbol, rules=changed, **fixed)
    (reply,) = bench.apply(configure_command(by=SYSTEM, terms=terms))
    assert reply.code == ""
    return terms


def fees_of(trade: Trade) -> dict[tuple[str, str], Decimal]:
    """Return the fee entries of a trade, by whose (an e-mail, or the house) and asset."""
    entries = LedgerEntry.objects.filter(transaction_id=trade.pk, kind="fee")
    found: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for entry in entries.select_related("account__owner", "asset"):
        owner = entry.account.owner
        found["house" if owner is None else owner.email, entry.asset.code] += entry.amount
    return dict(found)


def collected() -> dict[int, Decimal]:
    """Return what the house has of fees, by asset."""
    rows = LedgerEntry.objects.filter(account__kind="fees").values_list("asset")
    return dict(rows.annotate(total=Sum("amount")))


def verified() -> int:
    """Hold books and journal against each other; return how many trades there are."""
    assert reconcile() == []
    with connect(shard_id=0, owner="verify") as connection:
        found = verify_shard(connection, 0)
    assert found.differences == []
    return found.trades


@pytest.mark.parametrize(
    ("taking", "maker_fee", "rebated", "maker_has"),
    [
        # 0.5 BTC at 0.2 % cost the buyer 0.001, of which the seller gets 0.05 %.
        ("buy", "-0.00025", ("BTC", "0.00025", "0.00075"), "9.50025"),
        # 50 USD cost the seller 0.10, of which the buyer gets 0.025.
        ("sell", "-0.025", ("USD", "0.025", "0.075"), "99950.025"),
    ],
)
def test_a_maker_of_a_negative_rate_is_paid_out_of_the_takers_fee(
    bench: Bench, taking: str, maker_fee: str, rebated: tuple[str, str, str], maker_has: str
) -> None:
    market = bench.market(maker_fee_ppm=-500, taker_fee_ppm=2_000)
    resting = "sell" if taking == "buy" else "buy"
    bench.apply(
        bench.order(1, market, f"{resting} 0.5 @ 100"),
        bench.order(0, market, f"{taking} 0.5 @ 100"),
    )

    trade = Trade.objects.get()
    asset, rebate, kept = rebated
    assert trade.maker_fee == Decimal(maker_fee)
    assert fees_of(trade) == {
        ("first@example.com", asset): -trade.taker_fee,
        ("second@example.com", asset): Decimal(rebate),
        ("house", asset): Decimal(kept),
    }
    assert bench.balance(1, asset) == (Decimal(maker_has), Decimal(0))
    assert verified() == 1


def test_a_rebate_is_never_more_than_the_takers_fee(bench: Bench) -> None:
    market = bench.market(maker_fee_ppm=-5_000, taker_fee_ppm=1_000)
    free = bench.accounts[0]
    set_account_fees(
        by=SYSTEM, account_id=free.public_id, maker_ppm=None, taker_ppm=0, reason="a friend"
    )
    bench.apply(
        bench.order(1, market, "sell 1 @ 100"),
        bench.order(0, market, "buy 0.5 @ 100"),  # takes without a fee
    )
    set_account_fees(
        by=SYSTEM, account_id=free.public_id, maker_ppm=None, taker_ppm=None, reason="no more"
    )
    bench.apply(bench.order(0, market, "buy 0.5 @ 100"))

    first, second = Trade.objects.order_by("sequence")
    assert (first.maker_fee, first.taker_fee, fees_of(first)) == (0, 0, {})
    assert second.taker_fee == -second.maker_fee == Decimal("0.0005")
    assert fees_of(second)["house", "BTC"] == 0
    assert verified() == 2


def test_rates_of_an_order_at_rest_stay_and_its_hold_with_them(bench: Bench) -> None:
    market = bench.market(maker_fee_ppm=1_000, taker_fee_ppm=2_000)
    bench.apply(bench.order(1, market, "buy 1 @ 100"))
    before = bench.balance(1, "USD")
    change(bench, maker_fee_ppm=50_000, taker_fee_ppm=60_000)
    set_account_fees(
        by=SYSTEM, account_id=bench.accounts[1].public_id, maker_ppm=70_000, taker_ppm=80_000,
        reason="for the test",
    )  # fmt: skip
    assert bench.balance(1, "USD") == before == (Decimal(99_900), Decimal(100))
    with bench.anew():  # rebuilt from the tables
        bench.apply(bench.order(0, market, "sell 1 @ 100"))

    trade = Trade.objects.get()
    assert (trade.maker_fee, trade.taker_fee) == (Decimal("0.001"), Decimal(6))
    assert verified() == 1


def test_a_promotion_holds_from_its_start_until_its_end(bench: Bench) -> None:
    market = bench.market(maker_fee_ppm=1_000, taker_fee_ppm=2_000)
    starts_at, ends_at = START + timedelta(minutes=1), START + timedelta(minutes=2)
    change(
        bench, promotion_maker_fee_ppm=-100, promotion_taker_fee_ppm=500,
        promotion_starts_at=starts_at, promotion_ends_at=ends_at,
    )  # fmt: skip
    rates = []
    for seconds in (59.999, 60, 119.999, 120):
        bench.time_us = TIME_US + int(seconds * 1_000_000) - 1_000
        (reply,) = bench.apply(bench.order(0, market, "buy 1 @ 100"))
        order = Order.objects.get(pk=reply.orders[0].id)
        rates.append((order.maker_fee_ppm, order.taker_fee_ppm))
    assert rates == [(1_000, 2_000), (-100, 500), (-100, 500), (1_000, 2_000)]
    assert verified() == 0


def test_a_tier_holds_from_the_stated_time_on(bench: Bench) -> None:
    market = bench.market(maker_fee_ppm=1_000, taker_fee_ppm=2_000)
    from_us = TIME_US + 60_000_000
    tiers = {bench.accounts[0].pk: TierRates(from_us, 3, 600, 900)}
    assert assign_fee_tiers(by=SYSTEM, tiers=tiers) == 1
    assert assign_fee_tiers(by=SYSTEM, tiers=tiers) == 0
    rates = []
    for time_us in (from_us - 1_000, from_us):
        bench.time_us = time_us - 1_000
        (reply, other) = bench.apply(
            bench.order(0, market, "buy 1 @ 100"), bench.order(1, market, "buy 1 @ 100")
        )
        order = Order.objects.get(pk=reply.orders[0].id)
        rates.append((order.maker_fee_ppm, order.taker_fee_ppm))
        assert Order.objects.get(pk=other.orders[0].id).maker_fee_ppm == 1_000
    assert rates == [(1_000, 2_000), (600, 900)]
    assert verified() == 0


def test_money_is_kept_whatever_becomes_of_rates(bench: Bench) -> None:
    draw = random.Random(27)
    market = bench.market(maker_fee_ppm=-300, taker_fee_ppm=1_000)
    owned = {asset: bench.balance(0, asset)[0] * 2 for asset in ("BTC", "USD")}
    orders: list[tuple[int, int]] = []
    for _ in range(40):
        if draw.random() < 0.3:
            change(
                bench,
                maker_fee_ppm=draw.choice((-2_000, -300, 0, 1_000)),
                taker_fee_ppm=draw.choice((0, 1, 1_000, 333_333)),
            )
        if draw.random() < 0.3:
            own = draw.choice(((None, None), (-1_000_000, 1_000_000), (-7, 0), (77, 3_333)))
            set_account_fees(
                by=SYSTEM, account_id=draw.choice(bench.accounts).public_id, maker_ppm=own[0],
                taker_ppm=own[1], market_id=draw.choice((None, market)), reason="for the test",
            )  # fmt: skip
        commands: list[Any] = []
        for _ in range(20):
            if orders and draw.random() < 0.2:
                account_pk, order_id = draw.choice(orders)
                commands.append(CancelOrder(account_pk, market, order_id))
            else:
                side = draw.choice(("buy", "sell"))
                price = Decimal(draw.randrange(950, 1_060)) / 10
                text = f"{side} 0.0{draw.randrange(1, 9999)} @ {price}"
                commands.append(bench.order(draw.randrange(2), market, text))
        for reply in bench.apply(*commands):
            orders += [(order.account_id, order.id) for order in reply.orders]

    for trade in Trade.objects.all():
        fees = fees_of(trade)
        for asset in ("BTC", "USD"):
            moved = {who: amount for (who, of), amount in fees.items() if of == asset}
            assert sum(moved.values()) == 0
            assert moved.get("house", 0) >= 0
    assert Trade.objects.filter(maker_fee__lt=0).count() > 50
    charged: dict[int, Decimal] = defaultdict(Decimal)
    terms = get_market_terms("BTC/USD")
    for trade in Trade.objects.all():
        taker_asset, maker_asset = terms.base.asset_id, terms.quote.asset_id
        if trade.taker_side == "sell":
            taker_asset, maker_asset = maker_asset, taker_asset
        charged[taker_asset] += trade.taker_fee
        charged[taker_asset if trade.maker_fee < 0 else maker_asset] += trade.maker_fee
    assert collected() == dict(charged)
    for asset, total in owned.items():
        kept = sum(sum(bench.balance(who, asset)) for who in (0, 1))
        house = LedgerEntry.objects.filter(account__kind="fees", asset__code=asset)
        assert kept + (house.aggregate(total=Sum("amount"))["total"] or 0) == total
    assert verified() > 150
    assert not Account.objects.filter(~Q(kind="customer"), balances__isnull=False).exists()
