"""The account's own data: balances, order history, trades, commissions, and what it has used up."""

from typing import Any, Final
from uuid import UUID

from accounts.access.callers import SCOPE_WITHDRAW, Caller
from accounts.money.selectors import list_assets, list_balances
from accounts.people.selectors import get_account
from api.binance import limits
from api.binance.rest.order_rows import shown_orders
from api.binance.rest.params import Params
from api.binance.rest.routes import CompatRequest, Route, Routes, Security, rest
from api.binance.words import reports
from api.binance.words.reports import Report
from api.binance.words.symbols import find_market, list_offered, symbol_of
from api.binance.words.text import ZERO, eight, ms_of
from api.transport.threads import read_lasting
from matching.fees.selectors import fees_in
from matching.markets.terms import MarketTerms
from matching.orders.lists import list_ids_of
from matching.orders.selectors import list_market_orders, list_market_trades
from matching.rows.trades import trade_state
from zavora.foundation.times import now_us

LIST_DEFAULT: Final = 500
LIST_MAX: Final = 1_000
PPM_OF_BASIS_POINT: Final = 100
_EMPTY_LIST: Final = b"[]"


# --- balances and commissions ---------------------------------------------------------------------


async def get_account_state(
    params: Params, caller: Caller, account_pk: int, _request_id: str
) -> Report:
    """Return what the account may do, what it is charged, and what it has."""
    omit_zero = params.flag("omitZeroBalances")
    account, balances, assets = await read_lasting(_read_account, _public_id(caller, account_pk))
    maker_ppm, taker_ppm = _rates(account)
    held = {row.asset.code: row for row in balances}
    codes = sorted({asset.code for asset in assets} | set(held))
    shown = [_balance(code, held.get(code)) for code in codes]
    if omit_zero:
        shown = [one for one in shown if (one["free"], one["locked"]) != (ZERO, ZERO)]
    is_active = account.status == "active"
    moments = [row.updated_at for row in balances] or [account.updated_at]
    return {
        "makerCommission": -(-maker_ppm // PPM_OF_BASIS_POINT),
        "takerCommission": -(-taker_ppm // PPM_OF_BASIS_POINT),
        "buyerCommission": 0,
        "sellerCommission": 0,
        "commissionRates": _rate_texts(maker_ppm, taker_ppm),
        "canTrade": is_active,
        "canWithdraw": account.status in ("active", "cancel_only")
        and SCOPE_WITHDRAW in caller.scopes,
        "canDeposit": account.status in ("active", "cancel_only"),
        "brokered": False,
        "requireSelfTradePrevention": False,
        "preventSor": False,
        "updateTime": ms_of(max(moments)),
        "accountType": "SPOT",
        "balances": shown,
        "permissions": ["SPOT"],
        "uid": account_pk,
    }


def _public_id(caller: Caller, account_pk: int) -> UUID:
    return next(public for public, pk in caller.accounts.items() if pk == account_pk)


def _read_account(account_id: UUID) -> tuple[Any, list[Any], list[Any]]:
    return get_account(account_id), list_balances(account_id), list_assets()


def _balance(code: str, row: Any) -> Report:
    if row is None:
        return {"asset": code, "free": ZERO, "locked": ZERO}
    return {"asset": code, "free": eight(row.available), "locked": eight(row.locked)}


def _rates(account: Any, terms: MarketTerms | None = None) -> tuple[int, int]:
    """Return what the account's maker and taker orders cost now in a market, in parts per million.

    Without a market the highest of those that are offered: nothing costs more than is shown.
    """
    concerned = [terms] if terms is not None else [view.terms for view in list_offered()]
    fees = fees_in(account, concerned, time_us=now_us())
    return (
        max((one.maker.ppm for one in fees), default=0),
        max((one.taker.ppm for one in fees), default=0),
    )


def _rate_texts(maker_ppm: int, taker_ppm: int) -> Report:
    return {
        "maker": reports.rate_text(maker_ppm),
        "taker": reports.rate_text(taker_ppm),
        "buyer": ZERO,
        "seller": ZERO,
    }


async def get_commission(
    params: Params, caller: Caller, account_pk: int, _request_id: str
) -> Report:
    """Return what trades in a symbol cost this account."""
    terms = find_market(params.needed("symbol")).terms
    account = await read_lasting(get_account, _public_id(caller, account_pk))
    nothing = _rate_texts(0, 0)
    return {
        "symbol": symbol_of(terms),
        "standardCommission": _rate_texts(*_rates(account, terms)),
        "specialCommission": nothing,
        "taxCommission": nothing,
        "discount": {
            "enabledForAccount": False,
            "enabledForSymbol": False,
            "discountAsset": None,
            "discount": ZERO,
        },
    }


async def list_trade_fees(
    params: Params, caller: Caller, account_pk: int, _request_id: str
) -> list[Report]:
    """Return what trades cost this account in a symbol, or in each that is offered."""
    symbol = params.get("symbol")
    views = list_offered() if symbol is None else [find_market(symbol)]
    account = await read_lasting(get_account, _public_id(caller, account_pk))
    return [
        {
            "symbol": symbol_of(view.terms),
            "makerCommission": reports.rate_text(maker_ppm),
            "takerCommission": reports.rate_text(taker_ppm),
        }
        for view in views
        for maker_ppm, taker_ppm in [_rates(account, view.terms)]
    ]


# --- history --------------------------------------------------------------------------------------


async def list_all_orders(
    params: Params, _caller: Caller, account_pk: int, _request_id: str
) -> list[Report]:
    """Return a symbol's orders in whatever state, by ascending id: the newest, or those asked."""
    terms = find_market(params.needed("symbol")).terms
    return await read_lasting(
        _read_orders,
        account_pk,
        terms,
        from_id=params.integer("orderId"),
        start_us=params.start_us(),
        end_us=params.end_us(),
        limit=params.limit(default=LIST_DEFAULT, high=LIST_MAX),
    )


def _read_orders(account_pk: int, terms: MarketTerms, **wanted: Any) -> list[Report]:
    rows = list_market_orders(account_pk, terms.market_id, **wanted)
    return shown_orders(rows, {terms.market_id: terms})


async def list_my_trades(
    params: Params, _caller: Caller, account_pk: int, _request_id: str
) -> list[Report]:
    """Return the account's trades in a symbol, by ascending id: the newest, or those asked for."""
    terms = find_market(params.needed("symbol")).terms
    rows, list_ids = await read_lasting(
        _read_trades,
        account_pk,
        terms.market_id,
        from_sequence=params.integer("fromId"),
        order_id=params.integer("orderId"),
        start_us=params.start_us(),
        end_us=params.end_us(),
        limit=params.limit(default=LIST_DEFAULT, high=LIST_MAX),
    )
    shown = []
    for row in rows:
        is_maker = row.maker_account_id == account_pk
        order_id = row.maker_order_id if is_maker else row.taker_order_id
        shown.append(
            reports.my_trade(
                trade_state(row, terms),
                terms,
                is_maker=is_maker,
                order_list_id=list_ids.get(order_id, reports.NO_LIST),
            )
        )
    return shown


def _read_trades(
    account_pk: int, market_id: int, **wanted: Any
) -> tuple[list[Any], dict[int, int]]:
    """Return trades, and the lists of those of their orders that are in one."""
    rows = list_market_trades(account_pk, market_id, **wanted)
    ids = {
        row.maker_order_id if row.maker_account_id == account_pk else row.taker_order_id
        for row in rows
    }
    return rows, list_ids_of(ids)


def get_order_rates(request: CompatRequest) -> list[Report]:
    """Return how many orders the account placed in each window, and how many it may."""
    used = limits.rate_limits_used(request.ip, request.account_pk)
    return [limit for limit in used if limit["rateLimitType"] == "ORDERS"]


def list_nothing(_request: CompatRequest) -> bytes:
    """Return an empty list: there are no coin networks and no margin here."""
    return _EMPTY_LIST


def _my_trades_weight(params: Params) -> int:
    return 5 if params.get("orderId") else 20


_SYMBOL: Final = ("symbol",)
_READ: Final = Security.USER_DATA
ROUTES: Final[Routes] = {
    ("GET", "/api/v3/account"): Route(rest(get_account_state), 20, _READ),
    ("GET", "/api/v3/account/commission"): Route(rest(get_commission), 20, _READ, required=_SYMBOL),
    ("GET", "/api/v3/allOrders"): Route(rest(list_all_orders), 20, _READ, required=_SYMBOL),
    ("GET", "/api/v3/myTrades"): Route(
        rest(list_my_trades), _my_trades_weight, _READ, required=_SYMBOL
    ),
    ("GET", "/api/v3/rateLimit/order"): Route(get_order_rates, 40, _READ, needs_feed=False),
    ("GET", "/sapi/v1/asset/tradeFee"): Route(rest(list_trade_fees), 1, _READ),
    ("GET", "/sapi/v1/capital/config/getall"): Route(list_nothing, 10, _READ, needs_feed=False),
    ("GET", "/sapi/v1/margin/allPairs"): Route(list_nothing, needs_feed=False),
    ("GET", "/sapi/v1/margin/isolated/allPairs"): Route(list_nothing, needs_feed=False),
}
