"""What accounts are worth and what they brought, now and before, as whoever may see them reads it.

Figures are whole numbers of the currency's smallest unit. At every moment, to the last unit::

    value = flows + realised + unrealised + uncosted_value - unpriced_cost

where ``unpriced_cost`` is the cost of what cannot be valued then, which is named.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

import msgspec
from django.utils import timezone

from accounts.money import portfolios as rows
from matching.markets.selectors import list_market_terms
from zavora.foundation.errors import NotFound, ValidationFailed
from zavora.foundation.money import decimal_to_units
from zavora.foundation.times import EPOCH
from zavora.portfolio.accounting import AccountState, Holding, from_plain, half_even, merged
from zavora.portfolio.folding import (
    HOUR,
    MINUTE,
    Count,
    Market,
    bring_forward,
    count_tail,
    market_for,
)
from zavora.portfolio.rates import Rate, Rates

DAY: Final = timedelta(days=1)
STEPS: Final[Mapping[str, timedelta]] = {"1h": HOUR, "1d": DAY}
# Hours are told so far back; before that there are days.
HOURS_BACK: Final = timedelta(days=7, hours=1)
FEE_DAYS: Final = timedelta(days=30)
MOMENTS_MAX: Final = 1_500
MOMENTS_DEFAULT: Final = 400
# Moments times accounts that one answer is made of.
STATES_MAX: Final = 30_000
# Prices and averages have so many more decimals than the currency, 18 at most.
EXTRA_DECIMALS: Final = 8


class Currency(msgspec.Struct, frozen=True):
    """What is valued in."""

    asset_id: int
    code: str
    scale: int

    @property
    def price_scale(self) -> int:
        """Return how many decimals prices and average costs have."""
        return min(18, self.scale + EXTRA_DECIMALS)


class Line(msgspec.Struct, frozen=True):
    """An asset of a portfolio. ``price`` and ``average`` are in 10^-price_scale, half to even.

    ``path``: the markets by whose last prices it is valued, from the asset on. Without a price
    ``value``, ``unrealised`` and ``uncosted_value`` are None.
    """

    asset: str
    scale: int
    quantity: int
    uncosted: int
    price: int | None
    path: tuple[str, ...]
    value: int | None
    uncosted_value: int | None
    cost: int
    average: int | None
    realised: int
    unrealised: int | None
    fees: int


class Sums(msgspec.Struct, frozen=True):
    """What all of it comes to at a moment. ``unpriced``: assets that cannot be valued then."""

    value: int
    uncosted_value: int
    unrealised: int
    realised: int
    flows: int
    unpriced_cost: int
    unpriced: tuple[str, ...]


class Portfolio(msgspec.Struct, frozen=True):
    """A portfolio now. ``is_whole``: everything is counted; else only what was until ``at``.

    ``fees`` and volumes are those since ``since``, fees by asset in its unit beside their value.
    """

    currency: Currency
    at: datetime
    is_whole: bool
    state: AccountState
    sums: Sums
    lines: tuple[Line, ...]
    since: datetime
    fees_value: int
    fees: tuple[tuple[str, int, int], ...]
    maker_volume: int
    taker_volume: int


class Moment(msgspec.Struct, frozen=True):
    """How a portfolio stood at a moment: right after all that was before it."""

    at: datetime
    sums: Sums


def currency_of(code: str) -> Currency:
    """Return the asset to value in; raise ValidationFailed, which names the field."""
    found = _known(code)
    if found is None:
        raise ValidationFailed(
            "unknown asset", currency="expected the code of an asset of this exchange"
        )
    return found


def first_currency(chosen: str, usual: str) -> str:
    """Return what somebody chose, else the exchange's usual currency where anything trades in it.

    Else what the oldest market quotes in, or any asset; empty where there is none.
    """
    if _known(chosen):
        return chosen
    terms = list_market_terms()
    traded = {code for one in terms for code in (one.base.code, one.quote.code)}
    if usual in traded:
        return usual
    quoted = [one.quote.code for one in terms]
    return next(iter((*quoted, *(code for code, _ in rows.list_scales().values()))), "")


def own_currency(chosen: str, usual: str) -> Currency:
    """Return what ``first_currency`` names; one without a name where there is no asset at all."""
    return _known(first_currency(chosen, usual)) or Currency(0, "", 0)


def _known(code: str) -> Currency | None:
    for pk, (known, scale) in rows.list_scales().items():
        if known == code.upper():
            return Currency(pk, known, scale)
    return None


def read_portfolio(account_ids: Sequence[int], code: str) -> Portfolio:
    """Return what accounts of one owner (primary keys) are worth and brought, as one.

    Counts forward what is new (``zavora.portfolio.folding``), and keeps that.
    """
    currency, asked = currency_of(code), _Asked(account_ids)
    market = market_for(currency.asset_id)
    counted, is_whole = asked.count(market)
    now = timezone.now()
    state = merged([counted.states[one] for one in account_ids])
    at = now if is_whole else counted.reached_until or now
    since = now.replace(hour=0, minute=0, second=0, microsecond=0) - FEE_DAYS
    before = merged(list(asked.states_at([since])[since].values()))
    names = rows.list_scales()
    moment = now.replace(second=0, microsecond=0) + MINUTE
    lines = tuple(_lines(state, market.rates([moment]), moment, currency, names))
    fees = tuple(_fees(state, before, names))
    return Portfolio(
        currency=currency,
        at=at,
        is_whole=is_whole,
        state=state,
        sums=_sums(state, lines),
        lines=lines,
        since=since,
        fees_value=_fees_value(state) - _fees_value(before),
        fees=fees,
        maker_volume=state.maker_volume - before.maker_volume,
        taker_volume=state.taker_volume - before.taker_volume,
    )


def read_history(
    account_ids: Sequence[int],
    code: str,
    *,
    step: str = "1d",
    start: datetime | None = None,
    end: datetime | None = None,
    limit: int = MOMENTS_DEFAULT,
) -> tuple[Currency, list[Moment], bool]:
    """Return how accounts of one owner stood at the ends of days or hours (UTC), oldest first.

    At most ``limit`` of them, the newest; none before the first entry, nor to come. The last
    says whether everything is counted. Hours are told ``HOURS_BACK``.
    """
    currency, asked = currency_of(code), _Asked(account_ids)
    market = market_for(currency.asset_id)
    _, is_whole = asked.count(market)
    now = timezone.now()
    if step == "1h":
        start = max(start or now - HOURS_BACK, now - HOURS_BACK)
    limit = max(1, min(limit, MOMENTS_MAX, STATES_MAX // max(1, len(account_ids))))
    moments = _moments(STEPS[step], start, min(end or now, now), limit)
    states = asked.states_at(moments)
    moments = [moment for moment in moments if states[moment]]
    rates = market.rates(moments)
    names = rows.list_scales()
    history = []
    for moment in moments:
        state = merged(list(states[moment].values()))
        lines = tuple(_lines(state, rates, moment, currency, names))
        history.append(Moment(moment, _sums(state, lines)))
    return currency, history, is_whole


class _Asked:
    """Whose portfolio is asked for, and what is counted of it."""

    def __init__(self, account_ids: Sequence[int]) -> None:
        self._account_ids = list(account_ids)
        owner_id = rows.get_owner(self._account_ids[0]) if self._account_ids else None
        if owner_id is None:
            raise NotFound("There is no account to tell of.")
        self._owner_id = owner_id
        self._counted: Count | None = None

    def count(self, market: Market) -> tuple[Count, bool]:
        """Count all there is."""
        rows.open_book(self._owner_id, market.currency_id)
        bring_forward(self._owner_id, market)
        self._counted, is_whole = count_tail(self._owner_id, market)
        return self._counted, is_whole

    def states_at(self, moments: Sequence[datetime]) -> dict[datetime, dict[int, AccountState]]:
        """Return how each account that had anything by then stood at full hours, oldest first."""
        if not moments or self._counted is None:
            return {}
        kept = rows.list_points(
            self._counted.book.pk, self._account_ids, since=moments[0], before=moments[-1]
        )
        told = {(one.account_id, one.hour): from_plain(one.state) for one in kept}
        for key, state in self._counted.reached.items():
            if key[0] in self._account_ids:
                told[key] = state
        left = sorted(told.items(), key=_hour_of, reverse=True)
        standing: dict[int, AccountState] = {}
        found: dict[datetime, dict[int, AccountState]] = {}
        for moment in moments:
            while left and left[-1][0][1] < moment:
                (account_id, _), standing[account_id] = left.pop()
            found[moment] = dict(standing)
        return found


def _hour_of(one: tuple[tuple[int, datetime], AccountState]) -> datetime:
    return one[0][1]


def _moments(step: timedelta, start: datetime | None, end: datetime, limit: int) -> list[datetime]:
    """Return the full steps from ``start`` to ``end``, oldest first: the newest ``limit``."""
    moment = EPOCH + (end - EPOCH) // step * step
    found: list[datetime] = []
    while len(found) < limit and moment > EPOCH and (start is None or moment >= start):
        found.append(moment)
        moment -= step
    return found[::-1]


def value_now(amounts: Mapping[int, Decimal], currency: Currency) -> dict[int, int | None]:
    """Return what amounts of assets, by id, are worth at last prices; None: none leads there."""
    market = market_for(currency.asset_id)
    moment = timezone.now().replace(second=0, microsecond=0) + MINUTE
    rates = market.rates([moment])
    return {
        asset_id: rates.value(asset_id, decimal_to_units(one, market.scales[asset_id]), moment)
        for asset_id, one in amounts.items()
    }


# --- figures -------------------------------------------------------------------------------------


def _lines(
    state: AccountState,
    rates: Rates,
    moment: datetime,
    currency: Currency,
    names: Mapping[int, tuple[str, int]],
) -> list[Line]:
    """Return the assets that an account has, or has had something to do with, by code."""
    return sorted(
        (
            _line(one, rates.rate(asset_id, moment), currency, names[asset_id])
            for asset_id, one in state.holdings.items()
            if one.quantity or one.realised or one.fees
        ),
        key=_asset_of,
    )


def _asset_of(line: Line) -> str:
    return line.asset


def _line(holding: Holding, rate: Rate | None, currency: Currency, named: tuple[str, int]) -> Line:
    code, scale = named
    # From units of the currency for one of the asset to decimals of a price.
    shift = 10 ** (scale + currency.price_scale - currency.scale)
    average = half_even(holding.cost * shift, holding.costed) if holding.costed else None
    value = costed_value = None
    if rate is not None:
        value, costed_value = rate.value(holding.quantity), rate.value(holding.costed)
    return Line(
        asset=code,
        scale=scale,
        quantity=holding.quantity,
        uncosted=holding.uncosted,
        price=None if rate is None else half_even(rate.over * shift, rate.under),
        path=() if rate is None else tuple(step.symbol for step in rate.path),
        value=value,
        uncosted_value=None if value is None or costed_value is None else value - costed_value,
        cost=holding.cost,
        average=average,
        realised=holding.realised,
        unrealised=None if costed_value is None else costed_value - holding.cost,
        fees=holding.fees,
    )


def _sums(state: AccountState, lines: Sequence[Line]) -> Sums:
    unpriced = [line for line in lines if line.value is None and line.quantity]
    return Sums(
        value=sum(line.value or 0 for line in lines),
        uncosted_value=sum(line.uncosted_value or 0 for line in lines),
        unrealised=sum(line.unrealised or 0 for line in lines),
        realised=state.realised,
        flows=state.flows,
        unpriced_cost=sum(line.cost for line in lines if line.value is None),
        unpriced=tuple(line.asset for line in unpriced),
    )


def _fees(
    state: AccountState, before: AccountState, names: Mapping[int, tuple[str, int]]
) -> list[tuple[str, int, int]]:
    """Return what was paid in each asset since, by code: code, scale, units."""
    paid = []
    for asset_id, one in state.holdings.items():
        units = one.fees - before.of(asset_id).fees
        if units:
            code, scale = names[asset_id]
            paid.append((code, scale, units))
    return sorted(paid)


def _fees_value(state: AccountState) -> int:
    return sum(one.fees_value for one in state.holdings.values())
