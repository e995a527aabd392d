"""An order in another's place: a cancel and a new order in its symbol, one command for both.

REST and the WebSocket API call the same function (``rest.trading``).
"""

from typing import Any, Final

from accounts.access.callers import Caller
from api.binance import limits
from api.binance.rest.new_orders import NewOrder, read_new_order
from api.binance.rest.order_kinds import check_required
from api.binance.rest.order_names import check_named, name_of, named_order
from api.binance.rest.params import Params
from api.binance.rest.routes import Route, Routes, Security
from api.binance.rest.trading import (
    agreed,
    cancel_one,
    cancel_refused,
    counted,
    placed,
    restriction,
    submit_counted,
)
from api.binance.words import reports
from api.binance.words.errors import CompatError
from api.binance.words.failures import known_compat_error
from api.binance.words.reports import Report
from matching import wire
from matching.commands.cancel import CancelOrder
from matching.commands.replace import ReplaceOrder
from matching.gateway.reply_codes import error_of_refusal
from zavora.foundation.errors import ZavoraError

CANCEL_REPLACE_MODES: Final = {"STOP_ON_FAILURE": False, "ALLOW_FAILURE": True}
# What a replacement does where the account has placed too many orders: whether it cancels still.
OVER_LIMIT_MODES: Final = {"DO_NOTHING": False, "CANCEL_ONLY": True}
SUCCESS, FAILURE, NOT_ATTEMPTED = "SUCCESS", "FAILURE", "NOT_ATTEMPTED"
PARTIAL_STATUS: Final = 409
# No order has this id.
_NOBODYS: Final = 0


async def cancel_replace(
    params: Params, caller: Caller, account_pk: int, request_id: str
) -> Report:
    """Cancel an order and place another in its symbol, as one command.

    Whatever can be known of the new order is checked before anything is cancelled: values and
    filters and the order limit here, the rest by the worker. A refusal of that kind is answered as
    the order's own. Raises -2022 where nothing came of it and -2021 where half of it did, each with
    both results in ``data``.
    """
    order = read_new_order(params, caller, account_pk)
    goes_on = params.choice("cancelReplaceMode", CANCEL_REPLACE_MODES, required=True)
    cancels_anyway = params.choice("orderRateLimitExceededMode", OVER_LIMIT_MODES)
    order_id, client_order_id = named_order(params, "cancelOrderId", "cancelOrigClientOrderId")
    cancel = CancelOrder(
        account_id=account_pk,
        market_id=order.terms.market_id,
        order_id=order_id,
        client_order_id=client_order_id,
        cancel_name=name_of(params, "cancelNewClientOrderId"),
        only_status=restriction(params),
    )
    try:
        await limits.take_order(account_pk)
    except CompatError as over:
        if not cancels_anyway:
            raise
        cancelled = await _attempt(cancel_one(cancel, order.terms, request_id))
        raise _over_limit(cancelled, over, goes_on=bool(goes_on)) from None
    return await _replace(order, cancel, request_id, goes_on=bool(goes_on))


async def _replace(
    order: NewOrder, cancel: CancelOrder, request_id: str, *, goes_on: bool
) -> Report:
    """Do both. The order is counted; as published it stays so where it is not tried."""
    order_id = cancel.order_id
    try:
        cancel = await agreed(cancel)
    except CompatError:
        order_id = _NOBODYS  # it is told as one that is not open
    command = ReplaceOrder(
        place=order.command,
        order_id=order_id,
        client_order_id=cancel.client_order_id,
        goes_on=goes_on,
        cancels_only=cancel.only_status,
        cancel_name=cancel.cancel_name,
    )
    reply = await submit_counted(command, request_id)
    halves, states = reply.halves or wire.Halves(None, None), list(reply.orders)
    cancelled: Report | CompatError
    if halves.cancel_refused is not None:
        cancelled = cancel_refused(error_of_refusal(halves.cancel_refused))
    else:
        cancelled = reports.cancelled(states.pop(0), order.terms, cancel.cancel_name)
    if not halves.is_tried:
        raise _replace_failed(cancelled, None)
    new: Report | CompatError
    if halves.place_refused is not None:
        limits.give_order_back(cancel.account_id)
        new = known_compat_error(error_of_refusal(halves.place_refused))
    else:
        new = await placed(states[0], reply.trades, order.terms, order.response_type)
    if isinstance(cancelled, CompatError) or isinstance(new, CompatError):
        raise _replace_failed(cancelled, new)
    return _both(cancelled, new)


def _over_limit(
    cancelled: Report | CompatError, over: CompatError, *, goes_on: bool
) -> CompatError:
    """Return how ``CANCEL_ONLY`` over the order limit is answered: the new order never went out."""
    is_tried = goes_on or not isinstance(cancelled, CompatError)
    failed = _replace_failed(cancelled, over if is_tried else None)
    if not is_tried:
        failed.status, failed.retry_after_s = over.status, over.retry_after_s
    return failed


async def _attempt(step: Any) -> Report | CompatError:
    """Return what a step answers, or the published error of its failure."""
    try:
        answer: Report = await step
    except (ZavoraError, CompatError) as error:
        return known_compat_error(error)
    return answer


def _replace_failed(
    cancelled: Report | CompatError, placed: Report | CompatError | None
) -> CompatError:
    data = _both(cancelled, placed)
    if SUCCESS in (data["cancelResult"], data["newOrderResult"]):
        return CompatError(
            -2021, "Order cancel-replace partially failed.", PARTIAL_STATUS, data=data
        )
    return CompatError(-2022, "Order cancel-replace failed.", data=data)


def _both(cancelled: Report | CompatError, placed: Report | CompatError | None) -> Report:
    return {
        "cancelResult": _outcome(cancelled),
        "newOrderResult": _outcome(placed),
        "cancelResponse": _shown(cancelled),
        "newOrderResponse": _shown(placed),
    }


def _outcome(result: Report | CompatError | None) -> str:
    if result is None:
        return NOT_ATTEMPTED
    return FAILURE if isinstance(result, CompatError) else SUCCESS


def _shown(result: Report | CompatError | None) -> Report | None:
    return result.body() if isinstance(result, CompatError) else result


def check_replacement(params: Params) -> None:
    """Raise -1102 for what cancelReplace must have and has not."""
    check_required(params)
    params.require("cancelReplaceMode")
    check_named(params, "cancelOrderId", "cancelOrigClientOrderId")


ROUTES: Final[Routes] = {
    ("POST", "/api/v3/order/cancelReplace"): Route(
        counted(cancel_replace), 1, Security.TRADE, required=check_replacement
    ),
}
