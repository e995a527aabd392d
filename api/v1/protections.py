"""What protects an account's quotes in a market: set, read, taken away, and reset once it acted."""

from typing import Any, Final
from uuid import UUID

from accounts.access.callers import SCOPE_READ, SCOPE_TRADE, Caller
from api import limits
from api.orders import submit
from api.transport.threads import read_lasting
from api.v1.edge_request import EdgeRequest
from api.v1.fields import Fields, is_uuid, wrong_fields
from api.v1.fitting import terms_of_symbol
from api.v1.order_words import Shape
from matching import wire
from matching.commands.protect import WINDOW_MAX_MS, ResetProtection, SetProtection
from matching.markets.terms import MarketTerms
from matching.orders.protections import find_protection
from matching.rows.protections import state_of_row
from zavora.foundation.errors import AccountNotFound
from zavora.foundation.money import NotExact

FILLS_MAX: Final = 1_000_000
# Of a protection that is taken away, which none of the engine's is shorter than.
_ANY_WINDOW_MS: Final = 1


async def get(request: EdgeRequest, caller: Caller, account: str, symbol: str) -> Shape:
    """Return what protects an account's quotes in a market; nulls where nothing does."""
    account_id, account_pk, terms = _meant(caller, account, symbol, SCOPE_READ)
    request.query().check()
    row = await read_lasting(find_protection, account_pk, terms.market_id)
    return _shape(None if row is None else state_of_row(row, terms), terms, account_id)


async def put(request: EdgeRequest, caller: Caller, account: str, symbol: str) -> Shape:
    """Protect an account's quotes in a market, with nothing counted yet."""
    account_id, account_pk, terms = _meant(caller, account, symbol, SCOPE_TRADE)
    fields = Fields(request.json())
    fills = fields.integer("max_fills", default=0, low=1, high=FILLS_MAX) or None
    quantity = fields.decimal("max_quantity")
    fields.take("window_ms", required=True)
    window_ms = fields.integer("window_ms", default=_ANY_WINDOW_MS, low=1, high=WINDOW_MAX_MS)
    if not fields.has("max_fills") and not fields.has("max_quantity"):
        fields.refuse("max_fills", "give max_fills, max_quantity or both")
    fields.check()
    return await _set(request, account_id, account_pk, terms, (fills, quantity, window_ms))


async def delete(request: EdgeRequest, caller: Caller, account: str, symbol: str) -> Shape:
    """Let nothing protect an account's quotes in a market any more."""
    account_id, account_pk, terms = _meant(caller, account, symbol, SCOPE_TRADE)
    return await _set(request, account_id, account_pk, terms, (None, None, _ANY_WINDOW_MS))


async def reset(request: EdgeRequest, caller: Caller, account: str, symbol: str) -> Shape:
    """Let an account whose quotes were ended go on, with nothing counted."""
    account_id, account_pk, terms = _meant(caller, account, symbol, SCOPE_TRADE)
    Fields(request.json_or_empty()).check()
    await limits.take_for_account(account_pk)
    reply = await submit(ResetProtection(account_pk, terms.market_id), request.request_id)
    return _shape(reply.protection, terms, account_id)


async def _set(
    request: EdgeRequest,
    account_id: UUID,
    account_pk: int,
    terms: MarketTerms,
    asked: tuple[int | None, str | None, int],
) -> Shape:
    fills, quantity, window_ms = asked
    try:
        fitted = None if quantity is None else terms.quantity_text(terms.quantity_to_lots(quantity))
    except NotExact as error:
        raise wrong_fields({"max_quantity": str(error)}) from None
    await limits.take_for_account(account_pk)
    command = SetProtection(account_pk, terms.market_id, fills, fitted, window_ms)
    reply = await submit(command, request.request_id)
    return _shape(reply.protection, terms, account_id)


def _meant(caller: Caller, account: str, symbol: str, scope: str) -> tuple[UUID, int, MarketTerms]:
    """Return the account and the market of a path. Raises AccountNotFound, Forbidden, ..."""
    caller.require(scope)
    if not is_uuid(account):
        raise AccountNotFound("There is no such account.")
    account_id = UUID(account)
    account_pk = caller.account_pk(account_id, scope)
    terms = terms_of_symbol(symbol)
    if scope == SCOPE_TRADE:
        caller.require_market(terms.symbol)
    return account_id, account_pk, terms


def _shape(state: wire.ProtectionState | None, terms: MarketTerms, account_id: UUID) -> Shape:
    shown: dict[str, Any] = {"max_fills": None, "max_quantity": None, "window_ms": None}
    if state is not None and (state.fills_max is not None or state.quantity_max is not None):
        shown = {
            "max_fills": state.fills_max,
            "max_quantity": state.quantity_max,
            "window_ms": state.window_ms,
        }
    return {
        "user_id": str(account_id),
        "market": terms.symbol,
        **shown,
        "tripped": state is not None and state.is_tripped,
    }
