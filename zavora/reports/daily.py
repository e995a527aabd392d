"""The day of the whole exchange, for operators: volume and fees, what is owed and held, who waits.

What is held is the other side of all that came in: the ledger's entries of the outside. It is what
customers own and the fees that the exchange has earned, to the last unit, or the report is not
handed out.
"""

from accounts.reports.selectors import (
    AssetSides,
    count_accounts,
    list_pending_withdrawals,
    list_sides,
)
from matching.orders.report_reads import list_market_days, list_reported_markets
from zavora.foundation.money import EXACT
from zavora.reports.tables import About, NotTied, Pieces, Row, Rows, Table, amount, head

MARKETS = ("market", "trades", "volume", "quote volume", "fees (base)", "fees (quote)")
ASSETS = ("asset", "owed to customers", "fees of the exchange", "held", "difference")
WITHDRAWALS = ("asset", "withdrawals", "amount")


def daily_report(about: About) -> Pieces:
    """Yield the report of a day. Raises NotTied where what is held is not what is owed and earned.

    Withdrawals are those that wait when it is made; all else is as of the end of the day.
    """
    yield from head(about)
    markets = list_reported_markets()
    yield Table("Markets", MARKETS)
    rows: list[Row] = []
    for day in list_market_days(about.begin, about.end):
        market = markets[day.market_id]
        rows.append(
            (
                market.symbol,
                str(day.trades),
                amount(day.volume, market.base_scale),
                amount(day.quote_volume, market.quote_scale),
                amount(day.fees_base, market.base_scale),
                amount(day.fees_quote, market.quote_scale),
            )
        )
    yield Rows(rows, 30)
    yield Table("Liabilities and assets held", ASSETS)
    yield Rows([_sides_row(one) for one in list_sides(about.end)], 80)
    yield Table("Accounts by their present status", ("status", "accounts"))
    yield Rows([(name, str(count)) for name, count in count_accounts(about.end).items()])
    yield Table("Withdrawals that wait", WITHDRAWALS)
    yield Rows(
        [
            (one.asset, str(one.count), amount(one.amount, one.scale))
            for one in list_pending_withdrawals()
        ],
        100,
    )


def _sides_row(one: AssetSides) -> Row:
    owed = EXACT.add(one.customers, one.exchange)
    difference = EXACT.subtract(one.held, owed)
    if difference:
        raise NotTied(f"{one.asset}: held {one.held}, owed and earned {owed}")
    figures = (one.customers, one.exchange, one.held, difference)
    return (one.asset, *(amount(figure, one.scale) for figure in figures))
