"""Portfolios of random histories, out of the worker's own pipeline, against a naive accountant."""

import threading
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections, transaction
from django.utils import timezone

from accounts.models import Balance, LedgerEntry, PortfolioBook, PortfolioPoint
from accounts.money.portfolios import lock_book
from accounts.money.reconcile import _portfolios_not_counted
from matching.worker.offline import OfflineShard
from tests.integration.portfolio.histories import History, Ledger, count_candles
from zavora.portfolio.folding import bring_forward, market_for
from zavora.portfolio.keeping import keep, list_different
from zavora.portfolio.reading import Portfolio, currency_of, read_history, read_portfolio

FAR = datetime(2100, 1, 1, tzinfo=UTC)


@pytest.fixture
def history(transactional_db: None) -> Any:
    with OfflineShard(0) as shard:
        yield History(shard)


def in_people(units: int, scale: int) -> Decimal:
    return Decimal(units).scaleb(-scale)


def check(found: Portfolio, ledger: Ledger, account_ids: list[int]) -> None:
    """Compare every figure with what the accountant makes of the ledger."""
    books = ledger.account_for(FAR)
    scale = found.currency.scale
    next_minute = timezone.now().replace(second=0, microsecond=0) + timedelta(minutes=1)
    value = Decimal(0)
    for line in found.lines:
        asset = ledger.codes[line.asset]
        keys = [(one, asset) for one in account_ids]
        known, cost, other = (sum(books.heaps[key][n] for key in keys) for n in range(3))
        assert (
            in_people(line.quantity, line.scale)
            == known + other
            == sum(
                LedgerEntry.objects.filter(account_id__in=account_ids, asset_id=asset).values_list(
                    "amount", flat=True
                )
            )
        )
        assert in_people(line.uncosted, line.scale) == other
        assert in_people(line.cost, scale) == cost
        assert in_people(line.realised, scale) == sum(books.results[key] for key in keys)
        assert in_people(line.fees, line.scale) == sum(books.fees[key] for key in keys)
        worth = ledger.worth(asset, known + other, next_minute)
        assert (None if line.value is None else in_people(line.value, scale)) == worth
        if line.value is not None:
            value += in_people(line.value, scale)
            assert (
                in_people(line.unrealised or 0, scale)
                == (ledger.worth(asset, known, next_minute) or 0) - cost
            )
    assert in_people(found.sums.value, scale) == value
    assert in_people(found.sums.flows, scale) == sum(books.flows[one] for one in account_ids)
    sums = found.sums
    assert sums.value == (
        sums.flows + sums.realised + sums.unrealised + sums.uncosted_value - sums.unpriced_cost
    )
    # Everything happened within 30 days.
    assert in_people(found.fees_value, scale) == sum(books.fee_values[one] for one in account_ids)
    assert in_people(found.maker_volume, scale) == sum(
        books.maker_volumes[one] for one in account_ids
    )
    assert in_people(found.taker_volume, scale) == sum(
        books.taker_volumes[one] for one in account_ids
    )


@pytest.mark.parametrize(("currency", "seed"), [("EUR", 1), ("BTC", 2), ("USD", 3)])
def test_figures_are_those_of_the_ledger_however_they_were_counted(
    history: History, currency: str, seed: int
) -> None:
    history.random.seed(seed)
    mine, second = history.ann.pk, history.second.pk
    owner, market = history.ann.owner_id, None
    for number in range(90):
        history.step()
        if number % 9 == 0:
            count_candles()
            market = market_for(currency_of(currency).asset_id)
            # Few at a time, so that pages end in the middle of transactions.
            bring_forward(owner, market, pages_max=3, page_max=1 + number % 5)
            if number == 45:
                read_portfolio([mine], currency)
    # What is not settled yet is counted on top.
    history.now = max(history.now, timezone.now() - timedelta(seconds=40))
    for _ in range(3):
        history.meet(history.ann, "buy", history.command)
    count_candles()
    for account_ids in ([mine], [second], [mine, second]):
        found = read_portfolio(account_ids, currency)
        assert found.is_whole
        check(found, Ledger(owner, currency), account_ids)
    assert "DUST" in found.sums.unpriced or not any(line.asset == "DUST" for line in found.lines)
    kept = list(PortfolioPoint.objects.order_by("account", "hour").values_list("hour", "state"))
    assert kept
    assert list_different() == []
    call_command("rebuild_portfolios")
    again = list(PortfolioPoint.objects.order_by("account", "hour").values_list("hour", "state"))
    assert again == kept
    check(read_portfolio([mine, second], currency), Ledger(owner, currency), [mine, second])


def test_curve_is_balances_and_prices_as_they_were(history: History) -> None:
    for _ in range(60):
        history.step()
    count_candles()
    accounts = [history.ann.pk, history.second.pk]
    ledger = Ledger(history.ann.owner_id, "EUR")
    currency, days, is_whole = read_history(accounts, "EUR")
    _, hours, _ = read_history(accounts, "EUR", step="1h")
    assert is_whole
    assert currency.scale == 2
    assert days
    assert all(one.at.hour == one.at.minute == 0 for one in days)
    for one in (*days, *hours[:: max(1, len(hours) // 20)]):
        books = ledger.account_for(one.at)
        value = cost = Decimal(0)
        for (_, asset), (known, paid, other) in books.heaps.items():
            worth = ledger.worth(asset, known + other, one.at)
            cost += paid
            assert (
                worth is not None
                or not known + other
                or asset == ledger.codes["DUST"]
                or (ledger.each(asset, one.at) is None)
            )
        for asset in {asset for _, asset in books.heaps}:
            total = sum(
                row.amount
                for group in ledger.groups.values()
                for row in group
                if row.asset_id == asset and row.created_at < one.at
            )
            value += ledger.worth(asset, Decimal(total), one.at) or 0
        assert in_people(one.sums.value, 2) == value
        assert in_people(one.sums.flows, 2) == sum(books.flows.values())
        assert in_people(one.sums.realised, 2) == sum(books.results.values())
        assert cost == sum(books.flows.values()) + sum(books.results.values())


def test_two_count_at_once_and_each_entry_counts_once(history: History) -> None:
    for _ in range(20):
        history.step()
    count_candles()
    accounts = [history.ann.pk]
    before = read_portfolio(accounts, "USD").state
    owner, currency = history.ann.owner_id, currency_of("USD").asset_id
    for _ in range(10):
        history.step()
    count_candles()
    market = market_for(currency)

    # While somebody holds the book, the others read all the same, and write nothing.
    with transaction.atomic():
        assert lock_book(owner, currency) is not None
        kept = PortfolioBook.objects.get(owner_id=owner).position
        seen: list[Portfolio] = []

        def read() -> None:
            try:
                seen.append(read_portfolio(accounts, "USD"))
            finally:
                connections.close_all()

        thread = threading.Thread(target=read)
        thread.start()
        thread.join(30)
        assert PortfolioBook.objects.get(owner_id=owner).position == kept
    assert seen[0].is_whole
    check(seen[0], Ledger(owner, "USD"), accounts)
    assert seen[0].state != before
    many = [threading.Thread(target=_forward, args=(owner, market)) for _ in range(4)]
    for one in many:
        one.start()
    for one in many:
        one.join(30)
    keep()
    check(read_portfolio(accounts, "USD"), Ledger(owner, "USD"), accounts)
    assert list_different() == []


def _forward(owner: int, market: Any) -> None:
    try:
        while bring_forward(owner, market, pages_max=1, page_max=3):
            pass
    finally:
        connections.close_all()


def test_reconcile_and_check_notice_a_figure_that_is_not_the_ledgers(history: History) -> None:
    for _ in range(20):
        history.step()
    count_candles()
    read_portfolio([history.ann.pk], "USD")

    def breaks() -> list[Any]:
        with connection.cursor() as cursor:
            return _portfolios_not_counted(cursor)

    assert breaks() == []
    newest = PortfolioPoint.objects.filter(account=history.ann).order_by("-hour").first()
    assert newest is not None
    usd = str(currency_of("USD").asset_id)
    newest.state["holdings"][usd][0] += 1
    newest.save()
    (found,) = breaks()
    assert found.where == {"account": str(history.ann.public_id), "asset": "USD"}
    with pytest.raises(CommandError, match="1 portfolios differ"):
        call_command("rebuild_portfolios", "--check")
    newest.state["holdings"][usd][1] += 1
    newest.save()
    assert len(breaks()) == 2
    call_command("rebuild_portfolios", "--email", "ann@example.com")
    call_command("rebuild_portfolios", "--check")
    assert breaks() == []


def test_a_candle_that_is_behind_holds_the_count_back_and_nothing_else(history: History) -> None:
    for _ in range(30):
        history.step()
    # No candle is counted: what has no price then has no cost, and none of it is kept.
    found = read_portfolio([history.ann.pk], "EUR")
    assert not PortfolioPoint.objects.filter(
        hour__gt=LedgerEntry.objects.filter(kind="trade").earliest("pk").created_at
    ).exists()
    total = Balance.objects.get(account=history.ann, asset__code="USD")
    line = next(one for one in found.lines if one.asset == "USD")
    assert in_people(line.quantity, line.scale) == total.available + total.locked
    count_candles()
    check(
        read_portfolio([history.ann.pk], "EUR"),
        Ledger(history.ann.owner_id, "EUR"),
        [history.ann.pk],
    )
