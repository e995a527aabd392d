"""Rebuild a shard from the tables: everything the engine remembers is in them at commit."""

from collections.abc import Callable, Set
from typing import Any, Final, NamedTuple, TypeVar

import psycopg
import structlog
from psycopg import IsolationLevel

from accounts.money import ledger
from matching.engine import Engine, EngineError
from matching.engine.orders import Order
from matching.engine.rules import MarketSnapshot, Protection, TrailMark
from matching.engine.undo import SwitchName
from matching.markets.terms import AssetTerms, MarketTerms
from matching.orders.ids import IdSequence
from matching.rows.handovers import list_from_lately
from matching.rows.markets import MARKETS, STATES, terms_of
from matching.rows.orders import OPEN_ORDERS, open_order_of, ticks_of
from matching.rows.protections import PROTECTIONS, protection_of
from matching.rows.switches import SWITCHES, switch_of
from matching.rows.trails import TRAILS, trail_of
from matching.worker.decide import ShardContext
from matching.worker.lease import Position, read_position
from matching.worker.messages import MessageCounts, read_counts, window_began_us
from zavora.foundation.errors import InvariantBroken, ZavoraError
from zavora.foundation.money import NotExact
from zavora.foundation.times import moment_of

# A part is read and converted in a small share of a lease.
ORDERS_IN_PART_MAX: Final = 5_000
# How long a part may take on a busy machine before the server ends the session.
PART_MAX_MS: Final = 30_000

log = structlog.get_logger(__name__)

Read = TypeVar("Read")


class _State(NamedTuple):
    """A market's counters, last price and auction."""

    event_sequence: int
    depth_sequence: int
    trade_sequence: int
    last_price: str | None
    trigger_sequence: int
    static_price: str | None
    auction_ends_us: int | None


class _Stored(NamedTuple):
    """What the tables hold of a shard, read in one snapshot."""

    position: Position
    assets: dict[int, AssetTerms]
    terms: dict[int, MarketTerms]
    states: dict[int, _State]
    orders: list[Order]
    trails: dict[int, list[TrailMark]]
    protections: dict[int, list[tuple[int, Protection]]]
    switches: list[tuple[SwitchName, int]]
    fee_account_id: int
    messages: MessageCounts
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
    return load_committed(connection, shard_id, keep_lease=keep_lease)


def load_committed(
    connection: "psycopg.Connection[Any]",
    shard_id: int,
    *,
    keep_lease: Callable[[], None] = lambda: None,
) -> tuple[ShardContext, Position]:
    """Do the same for somebody who only looks, beside the worker that owns the shard."""
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


def read_market(
    cursor: "psycopg.Cursor[Any]", market: MarketTerms, keep_lease: Callable[[], None]
) -> tuple[MarketSnapshot, list[Order], int]:
    """Return one market as an engine loads it, its open orders, and its event sequence.

    Raises InvariantBroken or NotExact where its rows cannot be read.
    """
    terms = {market.market_id: market}
    set_aside: dict[int, str] = {}
    state = _read_states(cursor, terms)[market.market_id]
    orders = _read_open_orders(cursor, terms, keep_lease, set_aside)
    trails = _read_by_market(cursor, TRAILS, trail_of, terms, set_aside)
    protections = _read_by_market(cursor, PROTECTIONS, protection_of, terms, set_aside)
    if set_aside:
        raise InvariantBroken(f"market {market.symbol} cannot be read")
    snapshot = _snapshot_of(market, state, trails, protections)
    return snapshot, orders, state.event_sequence


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
    trails = _read_by_market(cursor, TRAILS, trail_of, terms, set_aside)
    protections = _read_by_market(cursor, PROTECTIONS, protection_of, terms, set_aside)
    cursor.execute(SWITCHES, (shard_id,))
    switches = [switch_of(row) for row in cursor.fetchall()]
    began = moment_of(window_began_us(position.last_batch_us)).isoformat()
    shard_ids = (shard_id, *list_from_lately(cursor, shard_id, began))
    messages = read_counts(cursor, shard_ids, terms, position.last_batch_us)
    return _Stored(
        position,
        assets,
        terms,
        states,
        orders,
        trails,
        protections,
        switches,
        fee_account_id,
        messages,
        set_aside,
    )


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
        event_sequences={id_: state.event_sequence for id_, state in states.items()},
        last_batch_us=position.last_batch_us,
        set_aside=stored.set_aside,
        messages=stored.messages,
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
    engine = Engine()
    engine.load(
        markets=[
            _snapshot_of(market, stored.states[market_id], stored.trails, stored.protections)
            for market_id, market in stored.terms.items()
            if market_id in market_ids
        ],
        orders=[order for order in stored.orders if order.market_id in market_ids],
        switches=stored.switches,
    )
    return engine


def _snapshot_of(
    market: MarketTerms,
    state: _State,
    trails: dict[int, list[TrailMark]],
    protections: dict[int, list[tuple[int, Protection]]],
) -> MarketSnapshot:
    return MarketSnapshot(
        rules=market.integers,
        phase=market.rules.phase,  # type: ignore[arg-type]
        trade_sequence=state.trade_sequence,
        depth_sequence=state.depth_sequence,
        last_price_ticks=_last_ticks(state.last_price, market),
        trigger_sequence=state.trigger_sequence,
        trails=tuple(trails.get(market.market_id, ())),
        static_ticks=_last_ticks(state.static_price, market),
        auction_ends_us=state.auction_ends_us,
        protections=tuple(protections.get(market.market_id, ())),
    )


def _last_ticks(text: str | None, market: MarketTerms) -> int | None:
    return None if text is None else ticks_of(text, market)


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
    cursor.execute(MARKETS, (shard_id,))
    terms = {}
    for row in cursor.fetchall():
        try:
            terms[row[0]] = terms_of(row, assets)
        except (ZavoraError, ValueError, ArithmeticError) as error:
            _set_aside(set_aside, row[0], row[1], error)
    return terms


def _read_states(cursor: "psycopg.Cursor[Any]", terms: dict[int, MarketTerms]) -> dict[int, _State]:
    cursor.execute(STATES, (list(terms),))
    return {row[0]: _State(*row[1:]) for row in cursor.fetchall()}


def _read_by_market(
    cursor: "psycopg.Cursor[Any]",
    statement: str,
    convert: "Callable[[Any, MarketTerms], Read]",
    terms: dict[int, MarketTerms],
    set_aside: dict[int, str],
) -> "dict[int, list[Read]]":
    """Return rows of markets, whose ids come first, as the engine takes them, by market."""
    cursor.execute(statement, (list(terms),))
    found: dict[int, list[Read]] = {}
    for row in cursor.fetchall():
        market = terms[row[0]]
        try:
            found.setdefault(row[0], []).append(convert(row, market))
        except (InvariantBroken, NotExact) as error:
            _set_aside(set_aside, market.market_id, market.symbol, error)
    return found


def _read_open_orders(
    cursor: "psycopg.Cursor[Any]",
    terms: dict[int, MarketTerms],
    keep_lease: Callable[[], None],
    set_aside: dict[int, str],
) -> list[Order]:
    """Return the open orders, in no order; fetched in parts, so that no wait gets long."""
    orders: list[Order] = []
    with cursor.connection.cursor(name="open_orders") as parts:
        parts.execute(OPEN_ORDERS, (list(terms),))
        while rows := parts.fetchmany(ORDERS_IN_PART_MAX):
            try:
                orders += [open_order_of(row, terms[row[2]]) for row in rows]
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
            orders.append(open_order_of(row, market))
        except (InvariantBroken, NotExact) as error:
            _set_aside(set_aside, market.market_id, market.symbol, error)
    return orders


def rebuilt_hash(cursor: "psycopg.Cursor[Any]", shard_id: int) -> str:
    """Return the hash of an engine rebuilt from the tables, or why there is none."""
    try:
        return load_context(cursor, shard_id)[0].engine.state_hash()
    except (EngineError, InvariantBroken) as error:
        return f"cannot be rebuilt: {error}"
