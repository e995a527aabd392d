"""What accounts traded, by day: counted once a night, from that night's trades alone.

A day's trades are a range of ids, which grow with time (``matching.orders.ids``), so a count reads
as many rows as the day had and keeps one sum for each account and market. Trades between accounts
of one owner do not count: they would buy a tier for nothing.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_FLOOR, Context, Decimal
from typing import Any, Final

from django.conf import settings
from django.db import connection, transaction

from matching.fee_models import FeeDay, FeeVolume
from matching.models import Market, MarketState, Order, Trade
from zavora.foundation.time_ids import first_id_of

VOLUME_DAYS: Final = 30
# A batch commits within seconds of its time; after so long no trade of a day is still to come.
SETTLING: Final = timedelta(minutes=15)
_DAY: Final = timedelta(days=1)
_VOLUME: Final = FeeVolume._meta.db_table
_COUNT: Final = (
    f"INSERT INTO {_VOLUME} (day, account_id, market_id, amount)"
    " SELECT %s, party.account_id, t.market_id, sum(t.amount)"
    f" FROM {Trade._meta.db_table} t"
    f' JOIN "{Order._meta.db_table}" m ON m.id = t.maker_order_id'
    f' JOIN "{Order._meta.db_table}" k ON k.id = t.taker_order_id'
    " CROSS JOIN LATERAL (VALUES (m.account_id), (k.account_id)) AS party(account_id)"
    " WHERE t.id >= %s AND t.id < %s AND (m.owner_id = k.owner_id) IS NOT TRUE"
    " GROUP BY party.account_id, t.market_id"
)
_SUMS: Final = (
    f"SELECT v.account_id, sum(v.amount * f.factor) FROM {_VOLUME} v"
    " JOIN unnest(%s::bigint[], %s::numeric[]) AS f(market_id, factor)"
    " ON f.market_id = v.market_id WHERE v.account_id = ANY(%s::bigint[])"
    " AND v.day > %s AND v.day <= %s GROUP BY v.account_id"
)
# Of a rate that is not exact, such as 1/3: what a NUMERIC(38, 18) has after its point.
_FACTOR_STEP: Final = Decimal(1).scaleb(-18)
_DOWN: Final = Context(prec=60, rounding=ROUND_FLOOR)


def last_day(now: datetime) -> date:
    """Return the last day (UTC) whose trades are all committed by ``now``."""
    return (now.astimezone(UTC) - SETTLING - _DAY).date()


def count_day(day: date, now: datetime) -> bool:
    """Count a day's volumes, all or nothing; return whether that was still to be done."""
    first = datetime(day.year, day.month, day.day, tzinfo=UTC)
    ids = [first_id_of(int(moment.timestamp() * 1000)) for moment in (first, first + _DAY)]
    with transaction.atomic(), connection.cursor() as cursor:
        # Of two that count at once one waits here for the other.
        _, is_new = FeeDay.objects.get_or_create(day=day, defaults={"counted_at": now})
        if is_new:
            cursor.execute(_COUNT, [day, *ids])
    return is_new


def uncounted_days(now: datetime) -> list[date]:
    """Return the days of the window that are not counted yet, oldest first."""
    last = last_day(now)
    window = [last - ago * _DAY for ago in reversed(range(VOLUME_DAYS))]
    known = set(FeeDay.objects.filter(day__in=window).values_list("day", flat=True))
    return [day for day in window if day not in known]


def list_traders(after_pk: int, limit: int) -> list[int]:
    """Return the next accounts with any volume, by primary key."""
    rows = FeeVolume.objects.filter(account_id__gt=after_pk).order_by("account_id")
    return list(rows.values_list("account_id", flat=True).distinct()[:limit])


def volumes_of(
    account_pks: Collection[int], *, until: date, factors: Mapping[int, Decimal]
) -> dict[int, Decimal]:
    """Return the volume of accounts in the 30 days that end with ``until``; none where it is zero.

    In the asset that ``factors`` (by market, ``volume_factors``) turn quote amounts into.
    """
    since = until - VOLUME_DAYS * _DAY
    with connection.cursor() as cursor:
        cursor.execute(
            _SUMS, [list(factors), list(factors.values()), list(account_pks), since, until]
        )
        return dict(cursor.fetchall())


def volume_factors() -> dict[int, Decimal]:
    """Return what one of a market's quote asset is worth in ZAVORA_VOLUME_ASSET, by market id.

    By the last price of the market of the two, rounded down. A market whose quote asset has none is
    left out: its volume does not count.
    """
    worth = _worth_of_assets(_last_prices())
    quotes = Market.objects.order_by("pk").values_list("pk", "quote__code")
    return {pk: worth[code] for pk, code in quotes if code in worth}


def _last_prices() -> Iterable[tuple[str, str, Decimal]]:
    asset: str = settings.ZAVORA_VOLUME_ASSET
    states = MarketState.objects.filter(last_price__gt=0).order_by("pk")
    rows: Any = states.values_list("market__base__code", "market__quote__code", "last_price")
    return [row for row in rows if asset in row[:2]]


def _worth_of_assets(prices: Iterable[tuple[str, str, Decimal]]) -> dict[str, Decimal]:
    asset: str = settings.ZAVORA_VOLUME_ASSET
    worth: dict[str, Decimal] = {}
    for base, quote, price in prices:
        factor = price
        if quote != asset:
            factor = _DOWN.quantize(_DOWN.divide(Decimal(1), price), _FACTOR_STEP)
        worth.setdefault(base if quote == asset else quote, factor)
    worth[asset] = Decimal(1)
    return worth
