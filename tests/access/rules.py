"""Who may call what, as we mean it: a rule for every call, and what it says to every caller.

The tables of docs/security.md are made of this (``tests.access.document``), and every cell of them
is tried (tests/integration/access). What the product routes by is compared with it there.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple


class Rule(NamedTuple):
    """What a call asks for. ``words`` are for people."""

    words: str
    scope: str | None = None
    is_owned: bool = False
    is_unlimited: bool = False
    by_form: bool = False
    by_listen_key: bool = False
    by_session: bool = False
    # Members of the account may, too, as far as their role goes.
    is_shared: bool = False


ANYBODY: Final = Rule("anybody")
READ, TRADE, WITHDRAW = (Rule(scope, scope) for scope in ("read", "trade", "withdraw"))
OWN_READ, OWN_TRADE, OWN_WITHDRAW = (
    Rule(f"{scope}, own account", scope, is_owned=True) for scope in ("read", "trade", "withdraw")
)
SHARED_READ, SHARED_TRADE = (
    Rule(f"{scope}, own or shared account", scope, is_owned=True, is_shared=True)
    for scope in ("read", "trade")
)
OWN_UNLIMITED: Final = Rule(
    "trade, own accounts, not limited to one", "trade", is_owned=True, is_unlimited=True
)
# Whatever its scopes: a key may neither make nor end keys.
AT_SESSION: Final = Rule("browser session", by_session=True)
OWN_AT_SESSION: Final = Rule("browser session, own", is_owned=True, by_session=True)
UNLIMITED: Final = Rule("trade, not limited to an account", "trade", is_unlimited=True)
# By the name of a key that may read, without a signature.
NAMED_KEY: Final = Rule("read, no signature", "read", by_listen_key=True)
YES: Final = "yes"
# It answers, and knows the caller's own things alone.
OWN: Final = "own"

# --- v1 -------------------------------------------------------------------------------------------

V1_CALLERS: Final = (
    "nobody", "unknown", "revoked", "expired", "elsewhere", "read", "trade", "withdraw", "limited",
    "other", "operator", "session", "no CSRF", "other session", "frozen", "signed", "signed read",
    "signed limited", "signed revoked", "unsigned", "viewer", "trader", "viewer key", "trader key",
)  # fmt: skip
# Whoever is let in by no credential of theirs.
UNKNOWN: Final = ("nobody", "unknown", "revoked", "expired", "signed revoked", "unsigned")
# People with whom the owner shares the account: at a session, and with a key for it.
MEMBERS: Final = ("viewer", "trader", "viewer key", "trader key")
SESSIONS: Final = ("session", "no CSRF", "other session", "viewer", "trader")
SAFE: Final = ("GET", "HEAD", "OPTIONS")
V1: Final[Mapping[str, Rule]] = {
    "DELETE /api/v1/accounts/<account>/addresses/<address>": OWN_WITHDRAW,
    "DELETE /api/v1/accounts/<account>/protections/<market>": SHARED_TRADE,
    "DELETE /api/v1/accounts/<account>/withdrawals/<withdrawal>": OWN_WITHDRAW,
    "DELETE /api/v1/alerts/<alert>": OWN_AT_SESSION,
    "DELETE /api/v1/keys/<key>": OWN_AT_SESSION,
    "DELETE /api/v1/orders/<order>": SHARED_TRADE,
    "DELETE /api/v1/orders/lists/<list>": SHARED_TRADE,
    "GET /api/v1/accounts": READ,
    "GET /api/v1/accounts/<account>": SHARED_READ,
    "GET /api/v1/accounts/<account>/addresses": OWN_READ,
    "GET /api/v1/accounts/<account>/balances": SHARED_READ,
    "GET /api/v1/accounts/<account>/fees": SHARED_READ,
    "GET /api/v1/accounts/<account>/ledger": SHARED_READ,
    "GET /api/v1/accounts/<account>/liabilities/<snapshot>": OWN_READ,
    "GET /api/v1/accounts/<account>/order-lists": SHARED_READ,
    "GET /api/v1/accounts/<account>/orders": SHARED_READ,
    "GET /api/v1/accounts/<account>/orders/file": SHARED_READ,
    "GET /api/v1/accounts/<account>/portfolio": SHARED_READ,
    "GET /api/v1/accounts/<account>/portfolio/history": SHARED_READ,
    "GET /api/v1/accounts/<account>/protections/<market>": SHARED_READ,
    "GET /api/v1/accounts/<account>/queue/<market>": SHARED_READ,
    "GET /api/v1/accounts/<account>/reports": SHARED_READ,
    "GET /api/v1/accounts/<account>/reports/<report>": SHARED_READ,
    "GET /api/v1/accounts/<account>/reports/<report>/download": SHARED_READ,
    "GET /api/v1/accounts/<account>/trades": SHARED_READ,
    "GET /api/v1/accounts/<account>/trades/file": SHARED_READ,
    "GET /api/v1/accounts/<account>/withdrawals": OWN_READ,
    "GET /api/v1/alerts": READ,
    "GET /api/v1/health": ANYBODY,
    "GET /api/v1/health/live": ANYBODY,
    "GET /api/v1/health/ready": ANYBODY,
    "GET /api/v1/keys": READ,
    "GET /api/v1/liabilities": ANYBODY,
    "GET /api/v1/markets": ANYBODY,
    "GET /api/v1/markets/<market>": ANYBODY,
    "GET /api/v1/markets/<market>/candles": ANYBODY,
    "GET /api/v1/markets/<market>/order-book": ANYBODY,
    "GET /api/v1/markets/<market>/ticker": ANYBODY,
    "GET /api/v1/markets/<market>/trades": ANYBODY,
    "GET /api/v1/markets/tickers": ANYBODY,
    "GET /api/v1/orders/<order>": SHARED_READ,
    "GET /api/v1/orders/<order>/amendments": SHARED_READ,
    "GET /api/v1/orders/<order>/proof": SHARED_READ,
    "GET /api/v1/orders/lists/<list>": SHARED_READ,
    "GET /api/v1/portfolio": READ,
    "GET /api/v1/portfolio/history": READ,
    "GET /api/v1/preferences": READ,
    "GET /api/v1/transfers": READ,
    "GET /health": ANYBODY,
    "GET /health/live": ANYBODY,
    "GET /health/ready": ANYBODY,
    "PATCH /api/v1/accounts/<account>": OWN_TRADE,
    "PATCH /api/v1/alerts/<alert>": OWN_AT_SESSION,
    "PATCH /api/v1/orders/<order>": SHARED_TRADE,
    "POST /api/v1/accounts": UNLIMITED,
    "POST /api/v1/accounts/<account>/addresses": OWN_WITHDRAW,
    "POST /api/v1/accounts/<account>/deposit": OWN_TRADE,
    "POST /api/v1/accounts/<account>/protections/<market>/reset": SHARED_TRADE,
    "POST /api/v1/accounts/<account>/reports": SHARED_READ,
    "POST /api/v1/accounts/<account>/withdraw": OWN_WITHDRAW,
    "POST /api/v1/alerts": AT_SESSION,
    "POST /api/v1/keys": AT_SESSION,
    "POST /api/v1/orders": SHARED_TRADE,
    "POST /api/v1/orders/<order>": SHARED_TRADE,
    "POST /api/v1/orders/<order>/replace": SHARED_TRADE,
    "POST /api/v1/orders/batch": SHARED_TRADE,
    "POST /api/v1/orders/cancel-all": SHARED_TRADE,
    "POST /api/v1/orders/lists": SHARED_TRADE,
    "POST /api/v1/orders/preview": SHARED_READ,
    "POST /api/v1/transfers": OWN_UNLIMITED,
    "PUT /api/v1/accounts/<account>/protections/<market>": SHARED_TRADE,
    "PUT /api/v1/preferences": AT_SESSION,
}


def member_cell(rule: Rule, caller: str) -> str:
    """Return what becomes of a call by a member, about the account that is shared with them."""
    if caller.endswith("key") and (rule.by_session or rule.is_unlimited):
        return "403"
    if rule.by_session:
        return "404" if rule.is_owned else YES
    is_viewer = caller.startswith("viewer")
    if not rule.is_owned:
        # A session has each scope, for what is one's own.
        return "403" if caller == "viewer key" and rule.scope not in (None, "read") else YES
    if not rule.is_shared or (is_viewer and rule.scope != "read"):
        return "403"
    return YES


def v1_cell(call: str, rule: Rule, caller: str) -> str:
    """Return what becomes of a call of v1: yes, or the status of the refusal."""
    if rule is ANYBODY:
        return YES
    if caller in UNKNOWN:
        return "401"
    if caller in MEMBERS:
        return member_cell(rule, caller)
    # Keys that sign are as tokens are; these are all limited to an account of the owner's.
    who = caller.removeprefix("signed ")
    if who == "elsewhere" or (who in ("read", "trade", "withdraw") and who != rule.scope):
        return "403"
    if rule.by_session and caller not in SESSIONS:
        return "403"
    if caller == "no CSRF" and not call.startswith(SAFE):
        return "403"
    if rule.is_unlimited and (who == "limited" or caller.startswith("signed")):
        return "403"
    if rule.is_owned and who in ("limited", "other", "operator", "other session"):
        return "404"
    return "frozen" if caller == "frozen" and call in FROZEN_REFUSES else YES


# What a frozen account may not: anything that could take or begin something.
FROZEN_REFUSES: Final = (
    "POST /api/v1/orders", "POST /api/v1/orders/batch", "POST /api/v1/orders/lists",
    "POST /api/v1/orders/<order>/replace", "PATCH /api/v1/orders/<order>",
    "POST /api/v1/accounts/<account>/deposit", "POST /api/v1/accounts/<account>/withdraw",
    "POST /api/v1/transfers", "placeOrder", "placeOrderList", "amendOrder", "replaceOrder",
)  # fmt: skip

SOCKET_CALLERS: Final = tuple("foreign page" if one == "no CSRF" else one for one in V1_CALLERS)
SOCKET: Final[Mapping[str, Rule]] = {
    "authenticate": Rule("any credential"),
    "amendOrder": SHARED_TRADE,
    "cancelAll": SHARED_TRADE,
    "cancelAllAfter": TRADE,
    "cancelOnDisconnect": TRADE,
    "cancelOrder": SHARED_TRADE,
    "cancelOrderList": SHARED_TRADE,
    "getOrderBook": ANYBODY,
    "getQueue": SHARED_READ,
    "getTicker": ANYBODY,
    "getTrades": ANYBODY,
    "ping": ANYBODY,
    "placeOrder": SHARED_TRADE,
    "placeOrderList": SHARED_TRADE,
    "replaceOrder": SHARED_TRADE,
    "previewOrder": SHARED_READ,
    "pulse": ANYBODY,
    "subscribe alerts": READ,
    "subscribe balances": READ,
    "subscribe candles": ANYBODY,
    "subscribe fills": READ,
    "subscribe markets": ANYBODY,
    "subscribe orderbook": ANYBODY,
    "subscribe orders": READ,
    "subscribe ticker": ANYBODY,
    "subscribe trades": ANYBODY,
    "unsubscribe": ANYBODY,
}


def socket_cell(call: str, rule: Rule, caller: str) -> str:
    """Return what becomes of a call on the v1 socket, by somebody who tried to authenticate."""
    if rule is ANYBODY:
        return YES
    if caller in (*UNKNOWN, "foreign page"):
        return "401"
    if caller in MEMBERS:
        return member_cell(rule, caller)
    caller = caller.removeprefix("signed ")
    if caller == "elsewhere":
        # The address is refused when it authenticates; after that it is nobody.
        return "403" if call == "authenticate" else "401"
    if caller in ("read", "trade", "withdraw") and rule.scope not in (None, caller):
        return "403"
    if caller in ("limited", "other", "operator", "other session") and rule.scope is not None:
        return "404" if rule.is_owned else OWN
    if caller == "frozen" and call in FROZEN_REFUSES:
        return "frozen"
    return YES


# --- the compatible API ---------------------------------------------------------------------------

COMPAT_CALLERS: Final = (
    "nobody", "cookie", "unknown", "revoked", "expired", "elsewhere", "unsigned", "read", "trade",
    "withdraw", "limited", "other", "frozen", "unlimited", "viewer", "trader",
)  # fmt: skip
# What anybody may read there.
_PUBLIC: Final = (
    *("aggTrades", "avgPrice", "depth", "exchangeInfo", "historicalTrades", "klines", "ping"),
    *("ticker/24hr", "ticker/bookTicker", "ticker/price", "time", "trades", "uiKlines"),
)
COMPAT: Final[Mapping[str, Rule]] = {
    **{f"GET /api/v3/{name}": ANYBODY for name in _PUBLIC},
    "DELETE /api/v3/openOrders": TRADE,
    "DELETE /api/v3/order": TRADE,
    "DELETE /api/v3/orderList": TRADE,
    "DELETE /api/v3/userDataStream": NAMED_KEY,
    "GET /api/v3/account": READ,
    "GET /api/v3/account/commission": READ,
    "GET /sapi/v1/asset/tradeFee": READ,
    "GET /api/v3/allOrders": READ,
    "GET /api/v3/allOrderList": READ,
    "GET /api/v3/myPreventedMatches": READ,
    "GET /api/v3/myTrades": READ,
    "GET /api/v3/openOrderList": READ,
    "GET /api/v3/openOrders": READ,
    "GET /api/v3/order": READ,
    "GET /api/v3/order/amendments": READ,
    "GET /api/v3/orderList": READ,
    "GET /api/v3/rateLimit/order": READ,
    "GET /sapi/v1/capital/config/getall": READ,
    "GET /sapi/v1/margin/allPairs": ANYBODY,
    "GET /sapi/v1/margin/isolated/allPairs": ANYBODY,
    "GET /sapi/v1/sub-account/list": READ,
    "GET /sapi/v1/sub-account/universalTransfer": READ,
    "POST /api/v3/order": TRADE,
    "POST /api/v3/order/cancelReplace": TRADE,
    "POST /api/v3/order/oco": TRADE,
    "POST /api/v3/order/test": TRADE,
    "POST /api/v3/orderList/oco": TRADE,
    "POST /api/v3/orderList/oto": TRADE,
    "POST /api/v3/orderList/otoco": TRADE,
    "POST /api/v3/userDataStream": NAMED_KEY,
    "POST /sapi/v1/sub-account/universalTransfer": UNLIMITED,
    "PUT /api/v3/order/amend/keepPriority": TRADE,
    "PUT /api/v3/userDataStream": NAMED_KEY,
}
# Methods of the WebSocket API, and the calls of REST that they stand for, with their rules.
WS_API_OF_REST: Final[Mapping[str, str]] = {
    "ping": "GET /api/v3/ping",
    "time": "GET /api/v3/time",
    "exchangeInfo": "GET /api/v3/exchangeInfo",
    "depth": "GET /api/v3/depth",
    "trades.recent": "GET /api/v3/trades",
    "trades.historical": "GET /api/v3/historicalTrades",
    "trades.aggregate": "GET /api/v3/aggTrades",
    "klines": "GET /api/v3/klines",
    "uiKlines": "GET /api/v3/uiKlines",
    "avgPrice": "GET /api/v3/avgPrice",
    "ticker.24hr": "GET /api/v3/ticker/24hr",
    "ticker.price": "GET /api/v3/ticker/price",
    "ticker.book": "GET /api/v3/ticker/bookTicker",
    "order.place": "POST /api/v3/order",
    "order.test": "POST /api/v3/order/test",
    "order.status": "GET /api/v3/order",
    "order.cancel": "DELETE /api/v3/order",
    "order.cancelReplace": "POST /api/v3/order/cancelReplace",
    "order.amend.keepPriority": "PUT /api/v3/order/amend/keepPriority",
    "openOrders.status": "GET /api/v3/openOrders",
    "openOrders.cancelAll": "DELETE /api/v3/openOrders",
    "order.amendments": "GET /api/v3/order/amendments",
    "orderList.place": "POST /api/v3/order/oco",
    "orderList.place.oco": "POST /api/v3/orderList/oco",
    "orderList.place.oto": "POST /api/v3/orderList/oto",
    "orderList.place.otoco": "POST /api/v3/orderList/otoco",
    "orderList.cancel": "DELETE /api/v3/orderList",
    "orderList.status": "GET /api/v3/orderList",
    "openOrderLists.status": "GET /api/v3/openOrderList",
    "allOrderLists": "GET /api/v3/allOrderList",
    "allOrders": "GET /api/v3/allOrders",
    "myTrades": "GET /api/v3/myTrades",
    "myPreventedMatches": "GET /api/v3/myPreventedMatches",
    "account.status": "GET /api/v3/account",
    "account.commission": "GET /api/v3/account/commission",
    "account.rateLimits.orders": "GET /api/v3/rateLimit/order",
    "userDataStream.start": "POST /api/v3/userDataStream",
    "userDataStream.ping": "PUT /api/v3/userDataStream",
    "userDataStream.stop": "DELETE /api/v3/userDataStream",
}
# What it has beside them.
SESSION_ONLY: Final = Rule("read, logged on", "read")
WS_API: Final[Mapping[str, Rule]] = {
    "session.logon": READ,
    "session.logout": ANYBODY,
    "session.status": ANYBODY,
    "session.subscriptions": ANYBODY,
    "userDataStream.subscribe": SESSION_ONLY,
    "userDataStream.subscribe.signature": READ,
    "userDataStream.unsubscribe": ANYBODY,
}


def ws_api_rules() -> dict[str, Rule]:
    """Return the rule of each method of the WebSocket API."""
    return {name: COMPAT[call] for name, call in WS_API_OF_REST.items()} | dict(WS_API)


WS_API_CALLERS: Final = (*COMPAT_CALLERS, "logged on")


def compat_cell(_call: str, rule: Rule, caller: str) -> str:
    """Return what becomes of a call of the compatible API: yes, own, or the code of the refusal."""
    if rule is ANYBODY or caller == "logged on":
        return YES
    if rule is SESSION_ONLY:
        return "-2015"
    if caller in ("nobody", "cookie"):
        return "-2014"
    if caller in ("unknown", "revoked", "expired", "elsewhere"):
        return "-2015"
    if caller in ("read", "trade", "withdraw") and caller != rule.scope:
        return "-2015"
    if caller == "viewer" and rule.scope != "read":
        return "-2015"
    if caller == "unsigned":
        return YES if rule.by_listen_key else "-1022"
    if rule.is_unlimited:
        # All the others are keys of one account.
        return YES if caller == "unlimited" else "-2015"
    return OWN if caller in ("limited", "other") else YES
