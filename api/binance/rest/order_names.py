"""How clients name orders and cancels: by ids of ours, and by names of their own."""

import re
import secrets
from typing import Final

from api.binance.rest.params import Params
from api.binance.words import errors

CLIENT_ORDER_ID: Final = re.compile(r"[A-Za-z0-9._:/-]{1,36}", re.ASCII)
NAME_BYTES: Final = 11
# Ids are below this; a larger number names no order.
ID_MAX: Final = 2**53
_ID_SENT_MAX: Final = 10**20


def new_name() -> str:
    """Return a client order id for who sent none."""
    return secrets.token_hex(NAME_BYTES)


def name_of(params: Params, parameter: str) -> str:
    """Return the name that a client gives an order or a cancel, or one made up."""
    return params.text(parameter, legal=CLIENT_ORDER_ID) or new_name()


def id_of(params: Params, parameter: str) -> int | None:
    """Return an id of ours, None: not sent."""
    number = params.integer(parameter, high=_ID_SENT_MAX)
    return None if number is None else min(number, ID_MAX)


def named_order(
    params: Params,
    id_parameter: str = "orderId",
    client_id_parameter: str = "origClientOrderId",
) -> tuple[int | None, str | None]:
    """Return which order is meant. Raises -1102 where neither says it."""
    check_named(params, id_parameter, client_id_parameter)
    # Through v1 a client order id may be any printable text.
    return id_of(params, id_parameter), params.text(client_id_parameter)


def check_named(
    params: Params,
    id_parameter: str = "orderId",
    client_id_parameter: str = "origClientOrderId",
) -> None:
    """Raise -1102 where an order is named by neither parameter."""
    if not params.get(id_parameter) and not params.get(client_id_parameter):
        raise errors.one_of_two(client_id_parameter, id_parameter)


def check_named_order(params: Params) -> None:
    """Raise -1102 unless symbol and order are named."""
    params.require("symbol")
    check_named(params)
