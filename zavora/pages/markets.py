"""The overview of markets: a table that stands by itself, and that the page's script keeps live."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_safe

from accounts.people.page_preferences import PageChoices
from accounts.people.preferences import get_preferences
from api.v1.preference_words import preferences
from marketdata.candles.told import get_told_tickers
from matching.markets.selectors import list_market_terms
from matching.markets.terms import MarketTerms
from zavora import __version__
from zavora.pages.market_rows import COLUMNS, columns, market_rows

SEARCH_LENGTH_MAX: Final = 32


class Asked(NamedTuple):
    """What is asked for by the address, else what the reader chose of such lists before."""

    search: str
    quote: str
    sort: str
    descending: bool
    # None: all markets.
    favourites: frozenset[str] | None = None

    def is_wanted(self, terms: MarketTerms) -> bool:
        """Tell whether a market is shown; whoever searches looks everywhere, as in the page."""
        if self.search:
            return self.search.upper().replace("-", "/") in terms.symbol
        if self.favourites is not None:
            return terms.symbol in self.favourites
        return not self.quote or terms.quote.code == self.quote


@never_cache
@require_safe
@ensure_csrf_cookie
def markets(request: HttpRequest) -> HttpResponse:
    """Show all markets; a search, one currency and an order may be asked for."""
    listed = [terms for terms in list_market_terms() if terms.rules.phase != "delisted"]
    quotes = list(dict.fromkeys(terms.quote.code for terms in listed))
    kept = get_preferences(request.user.pk) if request.user.is_authenticated else None
    asked = _asked(request.GET, quotes, kept.choices if kept else PageChoices())
    query = {name: text for name, text in (("q", asked.search), ("quote", asked.quote)) if text}
    context = {
        "page_config": _page_config(request),
        "page_preferences": preferences(kept) if kept else None,
        "rows": market_rows(
            [terms for terms in listed if asked.is_wanted(terms)],
            get_told_tickers(),
            sort=asked.sort,
            descending=asked.descending,
        ),
        "columns": columns(query, asked.sort, descending=asked.descending),
        "quotes": quotes,
        "quote": asked.quote,
        "search": asked.search,
    }
    return render(request, "markets.html", context)


def _asked(query: Mapping[str, str], quotes: Sequence[str], chosen: PageChoices) -> Asked:
    search = query.get("q", "").strip()[:SEARCH_LENGTH_MAX]
    sort, descending = query.get("sort", ""), query.get("order") == "down"
    if sort not in {name for name, _, _ in COLUMNS}:
        sort, descending = chosen.markets_sort.removeprefix("none"), chosen.markets_descending
    quote = query.get("quote")
    favourites = None
    if quote is None:
        quote = chosen.markets_quote
        favourites = frozenset(chosen.favourites) if chosen.only_favourites else None
    return Asked(search, quote if quote in quotes else "", sort, descending, favourites)


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
