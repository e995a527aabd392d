"""The trading page: a shell and what its script must know; everything else is live."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_safe

from accounts.access.callers import Role
from accounts.people.preferences import get_preferences
from accounts.people.selectors import list_accounts, list_memberships
from api.transport.errors import answer_error
from api.v1.preference_words import preferences
from api.v1.requests import symbol_of
from api.v1.words import ROLE, account_rates
from matching.markets.selectors import list_market_terms
from matching.markets.terms import MarketTerms
from zavora import __version__
from zavora.foundation.errors import MarketNotFound
from zavora.pages.static_files import first_load

DEFAULT_SYMBOL = "BTC/USD"
# Of what stands in the address of no market, so much is shown.
SHOWN_MAX = 32


@never_cache
@require_safe
@ensure_csrf_cookie
def trade(request: HttpRequest, symbol: str | None = None) -> HttpResponse:
    """Show a market (``/trade/BTC-USD``), or at ``/`` the first one. 404 for one that is not.

    One that has ended is shown to whoever asks for it by its name.
    """
    markets = list_market_terms()
    if symbol is None:
        market = first_market(markets)
    else:
        market = symbol_of(symbol)
        if all(terms.symbol != market for terms in markets):
            return answer_error(request, MarketNotFound(f"There is no market {_short(market)}."))
    context = {
        "page_config": page_config(request, market),
        "page_preferences": page_preferences(request),
        "first_load": first_load(),
    }
    return render(request, "trade.html", context)


def _short(text: str) -> str:
    return text if len(text) <= SHOWN_MAX else f"{text[:SHOWN_MAX]}…"


def page_preferences(request: HttpRequest) -> dict[str, Any] | None:
    """Return what the page is told of the choices of who looks at it; None of a visitor's."""
    if not request.user.is_authenticated:
        return None
    return preferences(get_preferences(request.user.pk))


def first_market(markets: Sequence[MarketTerms]) -> str:
    """Return the market that is shown where none is asked for."""
    listed = [terms.symbol for terms in markets if terms.rules.phase != "delisted"]
    first = listed[0] if listed else DEFAULT_SYMBOL
    return DEFAULT_SYMBOL if DEFAULT_SYMBOL in listed else first


def page_config(request: HttpRequest, market: str) -> dict[str, Any]:
    """Return what a page's script must know before it asks for anything."""
    user = request.user
    user_id = user.pk if user.is_authenticated else None
    own = list_accounts(user_id) if user_id else []
    shared = list_memberships(user_id) if user_id else []
    reached = [(row, Role.OWNER, "") for row in own]
    reached += [(one.account, Role(one.role), str(one.account.owner)) for one in shared]
    return {
        "market": market,
        "user": {"email": str(user)} if user.is_authenticated else None,
        "accounts": [
            {
                "id": str(row.public_id),
                "label": row.label,
                "role": ROLE[role],
                "owner": owner,
                **account_rates(row),
            }
            for row, role, owner in reached
        ],
        "demo": settings.ZAVORA_DEMO,
        "faucet": settings.ZAVORA_FAUCET,
        "csrf_cookie": settings.CSRF_COOKIE_NAME,
        "version": __version__,
    }
