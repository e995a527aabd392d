"""Prevented matches: what orders of one owner would have traded with each other."""

from typing import Any, Final

from accounts.access.callers import Caller
from api.binance.rest.order_names import id_of
from api.binance.rest.params import Params
from api.binance.rest.routes import Route, Routes, Security, rest
from api.binance.words import errors, reports
from api.binance.words.errors import CompatError
from api.binance.words.reports import Report
from api.binance.words.symbols import find_market
from api.transport.threads import read_lasting
from matching.markets.terms import MarketTerms
from matching.orders.prevented import list_prevented_matches, list_rests
from matching.rows.prevented import prevented_state

LIST_DEFAULT: Final = 500
LIST_MAX: Final = 1_000


async def list_my_prevented(
    params: Params, _caller: Caller, account_pk: int, _request_id: str
) -> list[Report]:
    """Return one prevented match, or those of an order from an id on, oldest first."""
    terms = find_market(params.needed("symbol")).terms
    match_id, order_id = id_of(params, "preventedMatchId"), id_of(params, "orderId")
    from_id = id_of(params, "fromPreventedMatchId")
    if match_id is not None and (order_id is not None or from_id is not None):
        raise CompatError(-1128, "Combination of optional parameters invalid.")
    return await read_lasting(
        _read,
        account_pk,
        terms,
        match_id=match_id,
        order_id=order_id,
        from_id=from_id,
        limit=params.limit(default=LIST_DEFAULT, high=LIST_MAX),
    )


def _read(account_pk: int, terms: MarketTerms, **wanted: Any) -> list[Report]:
    rows = list_prevented_matches(account_pk, terms.market_id, is_oldest=True, **wanted)
    found = [prevented_state(row, terms) for row in rows]
    rests = list_rests({order_id for one in found for order_id in reports.ended_by(one)})
    return [reports.prevented(one, terms, rests) for one in found]


def check_prevented(params: Params) -> None:
    """Raise -1102 unless a symbol, and a match or an order of it, are named."""
    params.require("symbol")
    if not params.get("preventedMatchId") and not params.get("orderId"):
        raise errors.one_of_two("preventedMatchId", "orderId")


def _weight(params: Params) -> int:
    return 20 if params.get("orderId") else 2


ROUTES: Final[Routes] = {
    ("GET", "/api/v3/myPreventedMatches"): Route(
        rest(list_my_prevented), _weight, Security.USER_DATA, required=check_prevented
    ),
}
