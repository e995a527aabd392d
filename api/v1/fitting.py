"""A market and an account by their names, and a body's figures as a market writes them."""

from collections.abc import Callable
from typing import Final, TypeVar
from uuid import UUID

import msgspec

from accounts.access.callers import Caller
from api.process import web_process
from api.v1.fields import wrong_fields
from matching.markets.terms import MarketTerms
from zavora.foundation.errors import AccountNotFound, MarketNotFound
from zavora.foundation.money import NotExact

# What the figures of an order count, by their names.
_FIGURES: Final = {
    "price": "price",
    "stop_price": "price",
    "trail_price": "price",
    "activation_price": "price",
    "protection_price": "price",
    "quantity": "quantity",
    "display_quantity": "quantity",
    "quote_quantity": "quote",
}
Asked = TypeVar("Asked", bound=msgspec.Struct)


def terms_of_symbol(symbol: str) -> MarketTerms:
    """Return a market's terms. Raises MarketNotFound."""
    return web_process().feed.market(symbol).terms


def terms_of_id(market_id: int) -> MarketTerms:
    """Return a market's terms. Raises MarketNotFound."""
    view = web_process().feed.market_by_id(market_id)
    if view is None:
        raise MarketNotFound("There is no such market.")
    return view.terms


def public_id_of(caller: Caller, account_pk: int) -> UUID:
    """Return the id by which a client knows an account within reach. Raises AccountNotFound."""
    for public_id, pk in caller.accounts.items():
        if pk == account_pk:
            return public_id
    raise AccountNotFound("There is no such account.")


def fitting(terms: MarketTerms, asked: Asked, *, within: str = "") -> Asked:
    """Return a body with its figures as the market writes them; equal orders read equal later.

    Raises ValidationFailed naming each figure that does not fit a tick, a lot or the scale;
    ``within`` comes before the names, and says where in a longer body it stands.
    """
    fitted: dict[str, str] = {}
    wrong: dict[str, str] = {}
    for name in asked.__struct_fields__:
        if name not in _FIGURES or (text := getattr(asked, name)) is None:
            continue
        try:
            fitted[name] = _FITTING[_FIGURES[name]](terms, text)
        except NotExact as error:
            wrong[within + name] = str(error)
    if wrong:
        raise wrong_fields(wrong)
    return msgspec.structs.replace(asked, **fitted)


_FITTING: Final[dict[str, Callable[[MarketTerms, str], str]]] = {
    "price": lambda terms, text: terms.price_text(terms.price_to_ticks(text)),
    "quantity": lambda terms, text: terms.quantity_text(terms.quantity_to_lots(text)),
    "quote": lambda terms, text: terms.quote_text(terms.quote_amount_to_units(text)),
}
