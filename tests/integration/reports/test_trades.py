"""The report of trades and fees: every fill, the fees of the ledger, gains by both formulas."""

from decimal import Decimal

from django.db import connection

from accounts.models import LedgerEntry
from matching.models import Trade
from tests.integration.reports.past import BEGIN, END, ask, file_of, made, read, tables_of
from zavora.reports.csv_files import as_csv
from zavora.reports.tables import About
from zavora.reports.trading import trade_report


def test_gains_of_a_period_know_what_was_bought_before(past):
    """By hand, fees included: Ann is maker (0.1 %) and taker (0.2 %) in turns.

    Bought 1 at 20,000 (taker: 0.998 arrive), 0.5 at 20,100 (maker: 0.4995), in the period 0.3 at
    19,000 (maker: 0.2997). Sold 0.2 at 21,000 (taker: 4,191.60 arrive), 1.5 at 22,000.37 (taker:
    32,934.55389), 0.3 at 18,000 (maker: 5,394.60), of which 0.0972 were left of what was bought?
    1.7972 were bought and 1.7 sold before it, so 0.0972 have a cost and 0.2028 were deposited.
    """
    tables = tables_of(made(ask(past.ann, kind="trades")))
    sales = [row for row in tables["Fills"] if row["side"] == "sell"]
    (market,) = tables["Markets"]

    first = Decimal("4191.60") - Decimal(20_000) * Decimal("0.2") / Decimal("0.998")
    assert [row["liquidity"] for row in sales] == ["taker", "taker", "maker"]
    assert abs(Decimal(sales[0]["gain (FIFO)"]) - first) < Decimal("0.000001")
    assert sales[2]["sold without cost"] == "0.20280000"
    assert market["sold without cost"] == "0.20280000"
    # All was sold, so both formulas have sold the same: what it cost, to the last unit.
    paid = Decimal(20_000) + Decimal(10_050) + Decimal(5_700)
    with_cost = Decimal("4191.60") + Decimal("32934.55389")
    with_cost += (Decimal("5394.60") * Decimal("0.0972") / Decimal("0.3")).quantize(
        Decimal("0.000001")
    )
    assert Decimal(market["gain (FIFO)"]) == with_cost - paid
    assert Decimal(market["gain (average)"]) == with_cost - paid
    assert sum(Decimal(row["gain (FIFO)"]) for row in sales) == with_cost - paid
    assert (market["left"], market["cost of it (FIFO)"]) == ("0.00000000", "0.000000")
    # And by which rules that was counted.
    words = {row["about"]: row["value"] for row in tables["Trades and fees"]}
    assert "oldest purchases" in words["gain (FIFO)"]
    assert "moving average" in words["gain (average)"]


def test_every_fill_of_the_period_is_there_once_with_the_fees_of_the_ledger(within):
    """Whatever the size of a page: purchases are read in pages of their own."""
    within.trade_at_random(60, batch=30)
    about = About("Trades", BEGIN, END, within.ann.pk, "a", "", "")
    tables = read(b"".join(body for body, _ in as_csv(trade_report(about, page_rows=7))))
    assert tables == read(b"".join(body for body, _ in as_csv(trade_report(about))))
    (market,) = tables["Markets"]

    of_period = Trade.objects.filter(created_at__gte=BEGIN, created_at__lt=END).order_by("pk")
    assert of_period.count() > 7 * 7
    sequences = [str(one) for one in of_period.values_list("sequence", flat=True)]
    assert [row["trade"] for row in tables["Fills"]] == sequences
    fees = LedgerEntry.objects.filter(
        account=within.ann, kind="fee", created_at__gte=BEGIN, created_at__lt=END
    )
    for column, asset in (("fees (base)", "BTC"), ("fees (quote)", "USD")):
        paid = fees.filter(asset__code=asset).values_list("amount", flat=True)
        assert Decimal(market[column]) == -sum(paid)
    for formula in ("gain (FIFO)", "gain (average)"):
        gains = (Decimal(row[formula] or 0) for row in tables["Fills"])
        assert Decimal(market[formula]) == sum(gains)


def test_fees_that_the_ledger_does_not_have_are_not_handed_out(past):
    trade = Trade.objects.filter(created_at__gte=BEGIN, taker_account=past.ann).first()
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE matching_trade SET taker_fee = taker_fee + 0.000001 WHERE id = %s", [trade.pk]
        )
    report = made(ask(past.ann, kind="trades"))

    assert (report.state, file_of(report)) == ("failed", b"")
