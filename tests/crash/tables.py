"""What the tables and the API of a running exchange say, in the checker's terms."""

import http.client
import json
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

import psycopg

from matching.commands import decode_command
from matching.commands.due import FireTimer
from matching.commands.move import AdoptMarket, ReleaseMarket
from matching.commands.switch import SetTimer
from tests.crash.notes import ListStored, OrderStored, OrderTold, Stored, TradeStored
from tests.crash.standing import CONNECTIONS_FROM
from tests.crash.wholes import PreventedStored
from tests.exchange import Exchange

PAGE: Final = 500
DEPTH: Final = 1_000
_ORDERS: Final = (
    "SELECT o.id, a.public_id::text, o.client_order_id, m.symbol, o.side, o.price, o.quantity,"
    " o.filled_quantity, o.status, coalesce(o.prevented_quantity, 0) FROM matching_order o"
    " JOIN accounts_account a ON a.id = o.account_id JOIN matching_market m ON m.id = o.market_id"
)
_TRADES: Final = (
    "SELECT m.symbol, t.sequence, t.maker_order_id, t.taker_order_id, t.price, t.quantity"
    " FROM matching_trade t JOIN matching_market m ON m.id = t.market_id"
)
_LISTS: Final = (
    "SELECT l.id, a.public_id::text, l.client_list_id, m.symbol, l.kind,"
    " array(SELECT c.order_id FROM matching_orderconditions c WHERE c.list_id = l.id ORDER BY 1),"
    " l.done_at IS NOT NULL FROM matching_orderlist l"
    " JOIN accounts_account a ON a.id = l.account_id JOIN matching_market m ON m.id = l.market_id"
)
_PROTECTIONS: Final = (
    "SELECT a.public_id::text, m.symbol, p.fills_max, p.window_ms FROM matching_protection p"
    " JOIN accounts_account a ON a.id = p.account_id JOIN matching_market m ON m.id = p.market_id"
)
_MOMENT: Final = """to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""
_NOW: Final = f"SELECT {_MOMENT.format('clock_timestamp()')}"
# One asks for all accounts of an owner, and is told the latest.
_TIMERS: Final = (
    "SELECT a.public_id::text,"
    f" {_MOMENT.format('max(s.due_at) OVER (PARTITION BY a.owner_id, s.key_id)')}"
    " FROM matching_switch s JOIN accounts_account a ON a.id = s.account_id"
    f" WHERE s.key_id < {CONNECTIONS_FROM}"
)
_SELF_TRADES: Final = (
    "SELECT m.symbol, t.sequence FROM matching_trade t JOIN matching_market m ON m.id = t.market_id"
    " WHERE t.maker_account_id = t.taker_account_id"
)
_OLDEST_OPEN: Final = (
    f"SELECT a.public_id::text, {_MOMENT.format('min(o.created_at)')} FROM matching_order o"
    " JOIN accounts_account a ON a.id = o.account_id"
    " WHERE o.status IN ('new', 'partially_filled') GROUP BY 1"
)
_PREVENTED: Final = (
    "SELECT p.id, p.mode, p.price, p.quantity, p.maker_order_id, p.taker_order_id,"
    " array(SELECT e.amount FROM accounts_ledgerentry e WHERE e.transaction_id = p.id)"
    " FROM matching_preventedmatch p"
)
_JOURNAL: Final = (
    "SELECT c.sequence, a.public_id::text, c.request_id, c.body, c.outcome = 'applied'"
    " FROM matching_command c LEFT JOIN accounts_account a ON a.id = c.account_id"
    " WHERE c.shard_id = %s AND c.sequence > %s AND c.reason <> 'wrong_shard' ORDER BY c.sequence"
)


class Tables:
    """Reads the tables; what the journals of shards say is kept, as they only grow."""

    def __init__(self, exchange: Exchange, shards: Sequence[int] = (0,)) -> None:
        self._exchange = exchange
        self._last_sequences = dict.fromkeys(shards, 0)
        self._by_key: Counter[tuple[str, str]] = Counter()
        self._by_request: Counter[str] = Counter()
        self._rows_by_request: Counter[str] = Counter()
        # How often the worker did what was due, by what that was.
        self.due: Counter[str] = Counter()

    def read(self) -> Stored:
        """Return everything that the tables hold."""
        with psycopg.connect(self._exchange.database_url) as connection:
            orders = {row[0]: OrderStored(*row) for row in connection.execute(_ORDERS)}
            trades = {(row[0], row[1]): TradeStored(*row) for row in connection.execute(_TRADES)}
            for shard_id, last in self._last_sequences.items():
                for sequence, *row in connection.execute(_JOURNAL, (shard_id, last)):
                    self._last_sequences[shard_id] = sequence
                    self._count(*row)
            stored = Stored(orders, trades, self._by_key, self._by_request, self._rows_by_request)
            _read_more(connection, stored)
        return stored

    def _count(self, account: str | None, request_id: str, body: bytes, is_applied: bool) -> None:
        """Count a command of a journal."""
        self._rows_by_request[request_id] += 1
        if not is_applied:
            return
        command = decode_command(bytes(body))
        if isinstance(command, ReleaseMarket | AdoptMarket):  # one request, two commands
            return
        if isinstance(command, SetTimer):  # one for each account of who asked
            request_id = f"{request_id} for {account}"
        if request_id:  # the demo's own set-up has none
            self._by_request[request_id] += 1
        if isinstance(command, FireTimer):
            self.due[command.what] += 1
        key = getattr(command, "key", None)
        if key is not None:
            self._by_key[(account or "", key.strip())] += 1


def _read_more(connection: "psycopg.Connection[Any]", stored: Stored) -> None:
    """Read lists, preventions, protections and timers; the moment of reading first."""
    (row,) = connection.execute(_NOW)
    stored.now = row[0]
    for list_id, *named, order_ids, is_done in connection.execute(_LISTS):
        stored.lists[list_id] = ListStored(list_id, *named, tuple(order_ids), is_done)
    for *figures, moved in connection.execute(_PREVENTED):
        stored.prevented.append(PreventedStored(*figures, tuple(moved)))
    for account, market, *limits in connection.execute(_PROTECTIONS):
        stored.protections[account, market] = (limits[0], limits[1])
    stored.timers = dict(connection.execute(_TIMERS).fetchall())
    stored.self_trades = set(connection.execute(_SELF_TRADES).fetchall())
    stored.oldest_open = dict(connection.execute(_OLDEST_OPEN).fetchall())


class Api:
    """Reads an account's history through the API."""

    def __init__(self, exchange: Exchange, tokens: dict[str, str]) -> None:
        """Speak for accounts of several people, each by its owner's token."""
        self._exchange = exchange
        self._tokens = tokens

    def get(self, path: str) -> Any:
        """Return the parsed answer to a GET."""
        return self._ask("GET", path, next(iter(self._tokens.values())))

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """Return the parsed answer to a POST."""
        return self._ask("POST", path, next(iter(self._tokens.values())), body)

    def _ask(self, method: str, path: str, token: str, body: dict[str, Any] | None = None) -> Any:
        content = None if body is None else json.dumps(body)
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        connection = http.client.HTTPConnection("127.0.0.1", self._exchange.port, timeout=30)
        try:
            connection.request(method, path, content, headers)
            response = connection.getresponse()
            answer = json.load(response)
        finally:
            connection.close()
        if response.status != 200:
            raise AssertionError(f"{path}: {response.status} {answer}")
        return answer

    def read(self, accounts: list[str], *, since_order: int, since_time: str) -> Stored:
        """Return orders from an id on and fills from a time on, of all the accounts."""
        stored = Stored()
        for account in accounts:
            for shape in self._pages(account, "orders"):
                told = OrderTold.of(shape)
                if told.order_id < since_order:
                    break
                stored.orders[told.order_id] = _as_stored(told)
            for fill in self._pages(account, "trades"):
                if fill["created_at"] < since_time:
                    break
                _add_fill(stored, fill)
        return stored

    def book(self, symbol: str) -> dict[str, Any]:
        """Return the order book as the feed has it, in the auditor's form."""
        data = self.get(f"/api/v1/markets/{symbol}/order-book?depth={DEPTH}")["data"]
        return {
            "sequence": data["sequence"],
            "buy": {_plain(price): _plain(quantity) for price, quantity in data["bids"]},
            "sell": {_plain(price): _plain(quantity) for price, quantity in data["asks"]},
        }

    def _pages(self, account: str, what: str) -> Any:
        """Yield an account's history, newest first, page by page."""
        cursor = ""
        while True:
            path = f"/api/v1/accounts/{account}/{what}?limit={PAGE}{cursor}"
            answer = self._ask("GET", path, self._tokens[account])
            yield from answer["data"]
            if answer["meta"]["next"] is None:
                return
            cursor = f"&cursor={answer['meta']['next']}"


def _as_stored(told: OrderTold) -> OrderStored:
    return OrderStored(
        told.order_id,
        told.account,
        told.client_order_id,
        told.market,
        told.side,
        told.price,
        told.quantity,
        told.filled,
        told.status,
        told.prevented,
    )


def _add_fill(stored: Stored, fill: dict[str, Any]) -> None:
    """Add one party's view of a trade; where both are ours, the second completes it."""
    name = (fill["market"], int(fill["id"]))
    own, other = int(fill["order_id"]), stored.trades.get(name)
    stored.trades[name] = TradeStored(
        *name,
        own if other is None else other.maker_order_id,
        own,
        Decimal(fill["price"]),
        Decimal(fill["quantity"]),
    )


def _plain(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text
