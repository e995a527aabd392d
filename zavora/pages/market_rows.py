"""The rows of the overview of markets as the first paint has them; the page's script goes on."""

from collections.abc import Mapping, Sequence
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Context, Decimal
from typing import Any, Final, NamedTuple

from django.utils.http import urlencode

from api.v1.words import PHASE
from marketdata.wire import TickerState
from matching.markets.terms import MarketTerms
from zavora.foundation.money import text_for_people

NONE: Final = "–"
# What is sorted by, what it is called, and whether the largest stands first at once.
COLUMNS: Final = (
    ("name", "Market", False),
    ("last", "Last price", True),
    ("change", "24h change", True),
    ("high", "24h high", True),
    ("low", "24h low", True),
    ("base", "Volume", True),
    ("volume", "Volume (quote)", True),
    ("spread", "Spread", False),
)
# What the texts of the service cannot tell: the book is not in them.
_LIVE_ONLY: Final = frozenset({"spread"})
_SUFFIXES: Final = (("B", 10**9, 10**9), ("M", 10**6, 10**6), ("K", 10**3, 10**4))
_SMALL_DIGITS: Final = 3
# Figures to look at are rounded; whatever a table can hold fits.
_SHOWN: Final = Context(prec=80)


class Row(NamedTuple):
    """A market as the page shows it; ``state`` is empty where it is simply open."""

    symbol: str
    base: str
    quote: str
    address: str
    state: str
    last: str
    change: str
    trend: str
    high: str
    low: str
    volume: str
    quote_volume: str


class Column(NamedTuple):
    """A head of the table: where a press on it leads, and how it sorts now."""

    name: str
    text: str
    address: str
    order: str


def columns(query: Mapping[str, str], sort: str, *, descending: bool) -> list[Column]:
    """Return the heads; ``query`` is what else the page was asked for."""
    found = []
    for name, text, first in COLUMNS:
        is_this = name == sort
        order = ("descending" if descending else "ascending") if is_this else ""
        is_next_down = not descending if is_this else first
        asked = {**query, "sort": name, "order": "down" if is_next_down else "up"}
        found.append(Column(name, text, f"?{urlencode(asked)}", order))
    return found


def market_rows(
    markets: Sequence[MarketTerms],
    told: Mapping[int, TickerState],
    *,
    sort: str,
    descending: bool,
) -> list[Row]:
    """Return the rows in an order; markets without the figure stand last."""
    if sort == "name":
        ordered = sorted(markets, key=lambda terms: terms.symbol, reverse=descending)
    elif sort and sort not in _LIVE_ONLY:
        figures = [(terms, _figure(told.get(terms.market_id), sort)) for terms in markets]
        known = [(figure, terms) for terms, figure in figures if figure is not None]
        known.sort(key=lambda pair: pair[0], reverse=descending)
        ordered = [terms for _, terms in known]
        ordered += [terms for terms, figure in figures if figure is None]
    else:
        ordered = list(markets)
    return [_row(terms, told.get(terms.market_id)) for terms in ordered]


def _figure(state: TickerState | None, sort: str) -> Decimal | None:
    if state is None:
        return None
    if sort == "change":
        return _percent(state)
    texts = {
        "last": state.last,
        "high": state.high,
        "low": state.low,
        "base": state.volume,
        "volume": state.quote_volume,
    }
    return Decimal(texts[sort])


def _percent(state: TickerState) -> Decimal:
    """Return the change of the price in percent, to the fourth decimal as the feed tells it."""
    opened = Decimal(state.open)
    change = _SHOWN.subtract(Decimal(state.last), opened)
    percent = _SHOWN.divide(_SHOWN.multiply(change, Decimal(100)), opened)
    return percent.quantize(Decimal("0.0001"), ROUND_HALF_EVEN, _SHOWN)


def _row(terms: MarketTerms, state: TickerState | None) -> Row:
    phase = terms.rules.phase
    known: dict[str, Any] = {
        "symbol": terms.symbol,
        "base": terms.base.code,
        "quote": terms.quote.code,
        "address": f"/trade/{terms.symbol.replace('/', '-')}",
        "state": "" if phase == "continuous" else in_words(PHASE[phase]),
    }
    if state is None:
        return Row(**known, last=NONE, change=NONE, trend="", high=NONE, low=NONE,
                   volume=NONE, quote_volume=NONE)  # fmt: skip
    percent = _percent(state)
    shown = f"{_cut(abs(percent), 2):f}"
    sign = "" if not shown.strip("0.") else "+" if percent > 0 else "-"
    return Row(
        **known,
        last=_price(state.last, terms),
        change=f"{sign}{shown}%",
        trend="up" if percent > 0 else "down" if percent < 0 else "",
        high=_price(state.high, terms),
        low=_price(state.low, terms),
        volume=compact(Decimal(state.volume)),
        quote_volume=compact(Decimal(state.quote_volume)),
    )


def in_words(name: str) -> str:
    """Return a state as the page says it: ``CancelOnly`` is ``Cancel only``."""
    spaced = "".join(f" {one.lower()}" if one.isupper() else one for one in name).strip()
    return spaced[:1].upper() + spaced[1:]


def _price(text: str, terms: MarketTerms) -> str:
    decimals = terms.tick_decimals
    value = Decimal(text)
    scale = max(decimals, -int(value.as_tuple().exponent))
    return text_for_people(value, scale, decimals_min=decimals)


def compact(amount: Decimal) -> str:
    """Return a volume in short, as ``core/format.ts`` does: 1,234,567 is 1.23M, 0.00 nothing."""
    for suffix, unit, least in _SUFFIXES:
        if amount >= least:
            return f"{_cut(_SHOWN.divide(amount, Decimal(unit)), 2):,}{suffix}"
    if amount <= 0 or amount >= 1:
        return f"{_cut(amount, 2):,}"
    decimals = max(2, _SMALL_DIGITS - amount.adjusted() - 1)
    return f"{_cut(amount, decimals).normalize():f}".ljust(4, "0")


def _cut(amount: Decimal, decimals: int) -> Decimal:
    return amount.quantize(Decimal(1).scaleb(-decimals), ROUND_DOWN, _SHOWN)
