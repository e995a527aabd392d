"""The pages of one's orders and of one's fills: shells, as the trading page is."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_safe

from matching.markets.selectors import list_market_terms
from zavora.pages.trading import first_market, page_config, page_preferences


@never_cache
@login_required
@require_safe
@ensure_csrf_cookie
def orders(request: HttpRequest) -> HttpResponse:
    """Show open orders and the history of orders."""
    return _page(request, "orders")


@never_cache
@login_required
@require_safe
@ensure_csrf_cookie
def fills(request: HttpRequest) -> HttpResponse:
    """Show fills."""
    return _page(request, "fills")


def _page(request: HttpRequest, name: str) -> HttpResponse:
    market = first_market(list_market_terms())
    context = {
        "activity_page": name,
        "page_config": page_config(request, market),
        "page_preferences": page_preferences(request),
    }
    return render(request, "own_activity.html", context)
