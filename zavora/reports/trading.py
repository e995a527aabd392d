"""The report of trades and fees: every fill of a period, and what each market brought by two rules.

What was bought before the period is counted, or a sale in it would have no cost; so all of an
account's fills are read, from the first one on (``zavora.reports.gains`` has the formulas). The
fees are those that the ledger has, or the report is not handed out.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

import msgspec

from accounts.reports.selectors import list_totals
from matching.orders.report_reads import (
    ReportedFill,
    ReportedMarket,
    count_fills,
    list_fills,
    list_reported_markets,
)
from zavora.foundation.money import EXACT
from zavora.reports.gains import ZERO, Gain, MarketGains, Purchase
from zavora.reports.tables import (
    ROWS_MAX,
    About,
    NotTied,
    Pieces,
    Row,
    Rows,
    Table,
    amount,
    head,
    moment,
    share_done,
)

FILLS: Final = (
    "time", "trade", "order", "market", "side", "liquidity", "price", "quantity", "amount", "fee",
    "fee asset", "gain (FIFO)", "gain (average)", "sold without cost",
)  # fmt: skip
MARKETS: Final = (
    "market", "fills", "bought", "paid", "sold", "earned", "fees (base)", "fees (quote)",
    "gain (FIFO)", "gain (average)", "sold without cost", "earned without cost", "left",
    "cost of it (FIFO)", "cost of it (average)",
)  # fmt: skip
NOTES: Final = (
    ("gain (FIFO)", "what a sale earned, less its fee, less the cost of the oldest purchases"),
    ("gain (average)", "the same less the moving average cost of all that was bought until then"),
    ("costs", "what was paid on the same market for the quantity that arrived after the fee"),
    ("sold without cost", "was not bought on that market; it makes neither gain nor loss"),
    ("gains are in", "the market's quote asset, rounded half to even to its smallest unit"),
)


class Sums(msgspec.Struct):
    """What a market brought in the period. Base and quote amounts are what arrived or went."""

    fills: int = 0
    bought: Decimal = ZERO
    paid: Decimal = ZERO
    sold: Decimal = ZERO
    earned: Decimal = ZERO
    fees_base: Decimal = ZERO
    fees_quote: Decimal = ZERO
    fifo: Decimal = ZERO
    average: Decimal = ZERO
    unknown_quantity: Decimal = ZERO
    unknown_earned: Decimal = ZERO

    def add(self, **figures: Decimal) -> None:
        """Add to some sums."""
        for name, figure in figures.items():
            setattr(self, name, EXACT.add(getattr(self, name), figure))


class MarketTrading:
    """An account on one market."""

    def __init__(self, market: ReportedMarket, purchases: Iterator[Purchase]) -> None:
        self.market = market
        self.gains = MarketGains(purchases, market.quote_scale)
        self.sums = Sums()

    def take(self, fill: ReportedFill, *, is_of_period: bool) -> Gain | None:
        """Count a fill; return what a sale brought."""
        gain = None
        if fill.is_buy:
            arrived = EXACT.subtract(fill.quantity, fill.fee)
            self.gains.buy(arrived, fill.amount)
        else:
            earned = EXACT.subtract(fill.amount, fill.fee)
            gain = self.gains.sell(fill.quantity, earned, trade_id=fill.trade_id)
        if is_of_period:
            self._sum(fill, gain)
        return gain

    def _sum(self, fill: ReportedFill, gain: Gain | None) -> None:
        self.sums.fills += 1
        if gain is None:
            self.sums.add(bought=fill.quantity, paid=fill.amount, fees_base=fill.fee)
            return
        self.sums.add(
            sold=fill.quantity, earned=fill.amount, fees_quote=fill.fee, fifo=gain.fifo,
            average=gain.average, unknown_quantity=gain.unknown_quantity,
            unknown_earned=gain.unknown_earned,
        )  # fmt: skip

    def fill_row(self, fill: ReportedFill, gain: Gain | None) -> Row:
        """Return a row of the table of fills."""
        market = self.market
        base, quote = market.base_scale, market.quote_scale
        return (
            moment(fill.created_at),
            str(fill.sequence),
            str(fill.order_id),
            market.symbol,
            "buy" if fill.is_buy else "sell",
            "maker" if fill.is_maker else "taker",
            f"{fill.price.normalize(EXACT):f}",
            amount(fill.quantity, base),
            amount(fill.amount, quote),
            amount(fill.fee, base if fill.is_buy else quote),
            market.base if fill.is_buy else market.quote,
            amount(gain.fifo, quote) if gain else "",
            amount(gain.average, quote) if gain else "",
            amount(gain.unknown_quantity, base) if gain else "",
        )

    def market_row(self) -> Row:
        """Return the row of the table of markets."""
        base, quote, sums = self.market.base_scale, self.market.quote_scale, self.sums
        return (
            self.market.symbol,
            str(sums.fills),
            amount(sums.bought, base),
            amount(sums.paid, quote),
            amount(sums.sold, base),
            amount(sums.earned, quote),
            amount(sums.fees_base, base),
            amount(sums.fees_quote, quote),
            amount(sums.fifo, quote),
            amount(sums.average, quote),
            amount(sums.unknown_quantity, base),
            amount(sums.unknown_earned, quote),
            amount(self.gains.quantity, base),
            amount(self.gains.fifo_cost, quote),
            amount(self.gains.average_cost, quote),
        )


def trade_report(about: About, page_rows: int = ROWS_MAX) -> Pieces:
    """Yield the report of an account's trades and fees, ``page_rows`` fills at a time.

    Raises NotTied where the fees are not those of the ledger.
    """
    markets = list_reported_markets()
    trading: dict[int, MarketTrading] = {}
    yield from head(about, *NOTES)
    yield Table("Fills", FILLS)
    expected, of_period = count_fills(about.account_pk, about.begin, about.end)
    found = shown = 0
    for fills in _pages(about, page_rows):
        rows: list[Row] = []
        for fill in fills:
            one = trading.get(fill.market_id)
            if one is None:
                market = markets[fill.market_id]
                one = MarketTrading(market, _purchases(about, page_rows, market.market_id))
                trading[fill.market_id] = one
            is_of_period = fill.created_at >= about.begin
            gain = one.take(fill, is_of_period=is_of_period)
            if is_of_period:
                rows.append(one.fill_row(fill, gain))
        found, shown = found + len(fills), shown + len(rows)
        yield Rows(rows, share_done(found, expected))
    if (found, shown) != (expected, of_period):
        raise NotTied(f"{found} fills of {expected}, {shown} in the period of {of_period}")
    _require_fees(about, trading)
    yield Table("Markets", MARKETS)
    yield Rows([one.market_row() for _, one in sorted(trading.items())], 100)


def _pages(
    about: About, page_rows: int, bought_on: int | None = None
) -> Iterator[list[ReportedFill]]:
    """Yield an account's fills from the first one on, oldest first."""
    after_id = 0
    while fills := list_fills(
        about.account_pk, about.end, after_id=after_id, limit=page_rows, bought_on=bought_on
    ):
        yield fills
        after_id = fills[-1].trade_id


def _purchases(about: About, page_rows: int, market_id: int) -> Iterator[Purchase]:
    """Yield what was bought on a market, oldest first; read as it is asked for."""
    for fills in _pages(about, page_rows, bought_on=market_id):
        for fill in fills:
            yield Purchase(fill.trade_id, EXACT.subtract(fill.quantity, fill.fee), fill.amount)


def _require_fees(about: About, trading: dict[int, MarketTrading]) -> None:
    """Raise NotTied unless the fees of all fills are the entries of fees, by asset."""
    paid: dict[str, Decimal] = {}
    for one in trading.values():
        for asset, fee in (
            (one.market.base, one.sums.fees_base),
            (one.market.quote, one.sums.fees_quote),
        ):
            paid[asset] = EXACT.add(paid.get(asset, ZERO), fee)
    for totals in list_totals(about.account_pk, about.begin, about.end):
        fees = paid.pop(totals.asset, ZERO)
        if fees != totals.fees:
            raise NotTied(f"{totals.asset}: fees of fills {fees}, of the ledger {totals.fees}")
    if any(paid.values()):
        raise NotTied(f"fees of fills that the ledger does not have: {sorted(paid)}")
