"""Rebuild a shard from the tables: everything the engine remembers is in them at commit."""

from collections.abc import Callable, Set
from typing import Any, Final, NamedTuple

import psycopg
import structlog
from psycopg import IsolationLevel

from accounts.money import ledger
from matching.engine import Engine, EngineError
from matching.engine.types import MarketSnapshot, Order
from matching.markets.terms import AssetTerms, MarketTerms, build_terms
from matching.models import Market, MarketState
from matching.models import Order as OrderRow
from matching.orders.ids import IdSequence
from matching.worker.decide import ShardContext
from matching.worker.lease import Position, read_position
from zavora.foundation.errors import InvariantBroken, ZavoraError
from zavora.foundation.money import NotExact, numeric_text_to_units

# A part is read and converted in a small share of a lease.
ORDERS_IN_PART_MAX: Final = 5_000
# How long a part may take on a busy machine before the server ends the session.
PART_MAX_MS: Final = 30_000

log = structlog.get_logger(__name__)

_MARKETS: Final = (
    "SELECT id, symbol, shard_id, base_id, quote_id, tick_size, lot_size, min_notional,"
    " max_notional, max_price, max_quantity, band_ppm, maker_fee_ppm, taker_fee_ppm, phase,"
    f" is_demo, self_trade_scope, max_open_orders FROM {Market._meta.db_table}"
    " WHERE shard_id = %s AND id IN"
    f" (SELECT market_id FROM {MarketState._meta.db_table}) ORDER BY id"
)
_STATES: Final = (
    "SELECT market_id, event_sequence, depth_sequence, trade_sequence, last_price::text"
    f" FROM {MarketState._meta.db_table} WHERE market_id = ANY(%s)"
)
_OPEN_ORDERS: Final = (
    "SELECT id, account_id, market_id, client_order_id, side, order_type, time_in_force,"
    " post_only, price::text, quantity::text, remaining_quantity::text, filled_quantity::text,"
    " filled_quote::text, hold::text, maker_fee_ppm, taker_fee_ppm, priority, status,"
    " (extract(epoch FROM created_at) * 1000000)::bigint,"
    " (extract(epoch FROM updated_at) * 1000000)::bigint, owner_id"
    f" FROM {OrderRow._meta.db_table}"
    " WHERE market_id = ANY(%s) AND status IN ('new', 'partially_filled')"
)


class _Stored(NamedTuple):
    """What the tables hold of a shard, read in one snapshot."""

    position: Position
    assets: dict[int, AssetTerms]
    terms: dict[int, MarketTerms]
    states: dict[int, tuple[int, int, int, str | None]]
    orders: list[Order]
    fee_account_id: int
    # Markets whose rows cannot be read, by id, with their symbols: the others do not wait for them.
    set_aside: dict[int, str]


def load_shard(
    connection: "psycopg.Connection[Any]",
    shard_id: int,
    *,
    keep_lease: Callable[[], None] = lambda: None,
) -> tuple[ShardContext, Position]:
    """Return the shard's memory and position, read in one REPEATABLE READ snapshot.

    A market whose rules or orders cannot be read, or contradict themselves, is set aside: nothing
    is taken for it here, and the shard's others are matched. ``keep_lease`` is called again and
    again while a long book is read.
    """
    with connection.cursor() as cursor:
        ledger.ensure_fee_account(cursor, shard_id)
    connection.isolation_level = IsolationLevel.REPEATABLE_READ
    try:
        with connection.transaction(), connection.cursor() as cursor:
            # It holds no row, so that nobody waits for it while a part is made into orders.
            cursor.execute(f"SET LOCAL idle_in_transaction_session_timeout = {PART_MAX_MS}")
            stored = _read_shard(cursor, shard_id, keep_lease)
    finally:
        connection.isolation_level = None
    # After the transaction: the server ends a session that idles long in one.
    return _build(stored, shard_id)


def load_context(cursor: "psycopg.Cursor[Any]", shard_id: int) -> tuple[ShardContext, Position]:
    """Rebuild a shard in the cursor's own snapshot; reads only. Raises InvariantBroken."""
    context, position = _build(_read_shard(cursor, shard_id, lambda: None), shard_id)
    if context.set_aside:
        raise InvariantBroken(f"cannot be loaded: {', '.join(context.set_aside.values())}")
    return context, position


def _read_shard(
    cursor: "psycopg.Cursor[Any]", shard_id: int, keep_lease: Callable[[], None]
) -> _Stored:
    position = read_position(cursor, shard_id)
    assets = read_assets(cursor)
    set_aside: dict[int, str] = {}
    terms = _read_terms(cursor, shard_id, assets, set_aside)
    states = _read_states(cursor, terms)
    fee_account_id = ledger.read_fee_account(cursor, shard_id)
    orders = _read_open_orders(cursor, terms, keep_lease, set_aside)
    return _Stored(position, assets, terms, states, orders, fee_account_id, set_aside)


def _build(stored: _Stored, shard_id: int) -> tuple[ShardContext, Position]:
    position, states = stored.position, stored.states
    engine = _loaded_engine(stored)
    for market_id in stored.set_aside:
        stored.terms.pop(market_id, None)
        states.pop(market_id, None)
    context = ShardContext(
        shard_id=shard_id,
        engine=engine,
        ids=IdSequence(shard_id=shard_id, last=position.last_id),
        terms=stored.terms,
        assets=stored.assets,
        scales={asset.asset_id: asset.scale for asset in stored.assets.values()},
        fee_account_id=stored.fee_account_id,
        journal_sequence=position.journal_sequence,
        event_sequences={market_id: state[0] for market_id, state in states.items()},
        last_batch_us=position.last_batch_us,
        set_aside=stored.set_aside,
    )
    return context, position


def _loaded_engine(stored: _Stored) -> Engine:
    """Return an engine with every market that can be loaded; the others are set aside."""
    try:
        return _engine_of(stored, stored.terms.keys() - stored.set_aside.keys())
    except (EngineError, InvariantBroken, NotExact):
        # Which one is it? Slow, and rare.
        for market_id, market in stored.terms.items():
            try:
                _engine_of(stored, {market_id} - stored.set_aside.keys())
            except (EngineError, InvariantBroken, NotExact) as error:
                _set_aside(stored.set_aside, market_id, market.symbol, error)
    return _engine_of(stored, stored.terms.keys() - stored.set_aside.keys())


def _engine_of(stored: _Stored, market_ids: Set[int]) -> Engine:
    engine, states = Engine(), stored.states
    engine.load(
        markets=[
            MarketSnapshot(
                rules=market.rules,
                phase=market.phase,  # type: ignore[arg-type]
                trade_sequence=states[market_id][2],
                depth_sequence=states[market_id][1],
                last_price_ticks=_ticks(states[market_id][3], market),
            )
            for market_id, market in stored.terms.items()
            if market_id in market_ids
        ],
        orders=[order for order in stored.orders if order.market_id in market_ids],
    )
    return engine


def _set_aside(set_aside: dict[int, str], market_id: int, symbol: str, error: Exception) -> None:
    set_aside[market_id] = symbol
    log.critical(
        "market_set_aside",
        part="matching",
        market=symbol,
        error=f"{type(error).__name__}: {error}",
    )


def read_assets(cursor: "psycopg.Cursor[Any]") -> dict[int, AssetTerms]:
    """Return all assets by id."""
    return {row[0]: AssetTerms(*row) for row in ledger.read_assets(cursor)}


def _read_terms(
    cursor: "psycopg.Cursor[Any]",
    shard_id: int,
    assets: dict[int, AssetTerms],
    set_aside: dict[int, str],
) -> dict[int, MarketTerms]:
    cursor.execute(_MARKETS, (shard_id,))
    terms = {}
    for row in cursor.fetchall():
        try:
            terms[row[0]] = _terms_of(row, assets)
        except (ZavoraError, ValueError, ArithmeticError) as error:
            _set_aside(set_aside, row[0], row[1], error)
    return terms


def _terms_of(row: tuple[Any, ...], assets: dict[int, AssetTerms]) -> MarketTerms:
    return build_terms(
        market_id=row[0],
        symbol=row[1],
        shard_id=row[2],
        base=assets[row[3]],
        quote=assets[row[4]],
        tick_size=row[5],
        lot_size=row[6],
        min_notional=row[7],
        max_notional=row[8],
        max_price=row[9],
        max_quantity=row[10],
        band_ppm=row[11],
        maker_fee_ppm=row[12],
        taker_fee_ppm=row[13],
        phase=row[14],
        is_demo=row[15],
        self_trade_scope=row[16],
        max_open_orders=row[17],
    )


def _read_states(
    cursor: "psycopg.Cursor[Any]", terms: dict[int, MarketTerms]
) -> dict[int, tuple[int, int, int, str | None]]:
    cursor.execute(_STATES, (list(terms),))
    return {row[0]: (row[1], row[2], row[3], row[4]) for row in cursor.fetchall()}


def _read_open_orders(
    cursor: "psycopg.Cursor[Any]",
    terms: dict[int, MarketTerms],
    keep_lease: Callable[[], None],
    set_aside: dict[int, str],
) -> list[Order]:
    """Return the open orders, in no order; fetched in parts, so that no wait gets long."""
    orders: list[Order] = []
    with cursor.connection.cursor(name="open_orders") as parts:
        parts.execute(_OPEN_ORDERS, (list(terms),))
        while rows := parts.fetchmany(ORDERS_IN_PART_MAX):
            try:
                orders += [_order(row, terms[row[2]]) for row in rows]
            except (InvariantBroken, NotExact):
                orders += _orders_that_fit(rows, terms, set_aside)
            keep_lease()
    return orders


def _orders_that_fit(
    rows: list[tuple[Any, ...]], terms: dict[int, MarketTerms], set_aside: dict[int, str]
) -> list[Order]:
    """Return the orders of some rows, and set the markets aside whose orders cannot be read."""
    orders = []
    for row in rows:
        market = terms[row[2]]
        if market.market_id in set_aside:
            continue
        try:
            orders.append(_order(row, market))
        except (InvariantBroken, NotExact) as error:
            _set_aside(set_aside, market.market_id, market.symbol, error)
    return orders


def _order(row: tuple[Any, ...], market: MarketTerms) -> Order:
    is_buy = row[4] == "buy"
    return Order(
        order_id=row[0],
        account_id=row[1],
        market_id=row[2],
        client_order_id=row[3],
        side=row[4],
        order_type=row[5],
        time_in_force=row[6],
        post_only=row[7],
        price_ticks=_ticks(row[8], market),
        quantity_lots=_lots(row[9], market),
        budget_units=None,
        remaining_lots=_lots(row[10], market),
        filled_lots=_lots(row[11], market),
        filled_quote_units=numeric_text_to_units(row[12], market.quote.scale),
        hold_units=numeric_text_to_units(row[13], (market.quote if is_buy else market.base).scale),
        maker_ppm=row[14],
        taker_ppm=row[15],
        priority=row[16],
        status=row[17],
        reason="",
        created_us=row[18],
        updated_us=row[19],
        owner_id=row[20] or 0,
    )


def _ticks(text: str | None, market: MarketTerms) -> int | None:
    if text is None:
        return None
    return _count(text, market.tick_decimals, market.tick_units)


def _lots(text: str, market: MarketTerms) -> int:
    return _count(text, market.lot_decimals, market.lot_units)


def _count(text: str, decimals: int, step_units: int) -> int:
    count, rest = divmod(numeric_text_to_units(text, decimals), step_units)
    if rest:
        raise InvariantBroken(f"{text} in the tables fits no tick or lot of its market")
    return count
