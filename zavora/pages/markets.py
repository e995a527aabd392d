"""The overview of markets: a table that stands by itself, and that the page's script keeps live."""

from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_safe

from accounts.people.preferences import get_preferences
from api.v1.preference_words import preferences
from marketdata.candles.told import get_told_tickers
from matching.markets.selectors import list_market_terms
from matching.markets.terms import MarketTerms
from zavora import __version__
from zavora.pages.market_rows import COLUMNS, columns, market_rows

SEARCH_LENGTH_MAX: Final = 32


@never_cache
@require_safe
@ensure_csrf_cookie
def markets(request: HttpRequest) -> HttpResponse:
    """Show all markets; a search, one currency and an order may be asked for."""
    listed = [terms for terms in list_market_terms() if terms.rules.phase != "delisted"]
    quotes = list(dict.fromkeys(terms.quote.code for terms in listed))
    search = request.GET.get("q", "").strip()[:SEARCH_LENGTH_MAX]
    quote = request.GET.get("quote", "")
    quote = quote if quote in quotes else ""
    sort = request.GET.get("sort", "")
    sort = sort if sort in {name for name, _, _ in COLUMNS} else ""
    descending = request.GET.get("order") == "down"
    asked = {name: text for name, text in (("q", search), ("quote", quote)) if text}
    kept = get_preferences(request.user.pk) if request.user.is_authenticated else None
    context = {
        "page_config": _page_config(request),
        "page_preferences": preferences(kept) if kept else None,
        "rows": market_rows(
            [terms for terms in listed if _is_wanted(terms, search, quote)],
            get_told_tickers(),
            sort=sort,
            descending=descending,
        ),
        "columns": columns(asked, sort, descending=descending),
        "sort": sort,
        "quotes": quotes,
        "quote": quote,
        "search": search,
    }
    return render(request, "markets.html", context)


def _is_wanted(terms: MarketTerms, search: str, quote: str) -> bool:
    """Tell whether a market is shown; whoever searches looks everywhere, as in the page."""
    if search:
        return search.upper().replace("-", "/") in terms.symbol
    return not quote or terms.quote.code == quote


def _page_config(request: HttpRequest) -> dict[str, Any]:
    """Return what the page's script must know, in the shape of the trading page's."""
    user = request.user
    return {
        "market": "",
        "user": {"email": str(user)} if user.is_authenticated else None,
        "accounts": [],
        "demo": settings.ZAVORA_DEMO,
        "faucet": False,
        "csrf_cookie": settings.CSRF_COOKIE_NAME,
        "version": __version__,
    }
