"""What accounts are worth: one that the caller may look at, or all of the caller's own as one."""

from typing import Final
from uuid import UUID

from django.conf import settings
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.people.preferences import get_preferences
from api.v1 import portfolio_words as words
from api.v1 import words as v1_words
from api.v1.fields import Fields
from api.v1.openapi.operations import documented
from api.v1.rest.base import LIST_WEIGHTS, ApiView, answer, caller_of, query_of, reached_account
from zavora.portfolio.reading import (
    MOMENTS_DEFAULT,
    MOMENTS_MAX,
    first_currency,
    read_history,
    read_portfolio,
)

INTERVALS: Final = ("1h", "1d")


class PortfolioView(ApiView):
    """What is there now."""

    weights = LIST_WEIGHTS

    @documented("accounts_portfolio", "Portfolio", query=("currency",))
    def get(self, request: Request, account: str) -> Response:
        """Return what an account is worth, what that cost and what it brought."""
        return _portfolio(request, account)


class OwnPortfolioView(ApiView):
    """The same of all accounts of the caller's own."""

    weights = LIST_WEIGHTS

    @documented("portfolio", "Portfolio", query=("currency",))
    def get(self, request: Request) -> Response:
        """Return the same of all accounts of the caller's own, as one."""
        return _portfolio(request, None)


class HistoryView(ApiView):
    """What was there before."""

    weights = LIST_WEIGHTS

    @documented(
        "accounts_portfolio_history",
        "PortfolioHistory",
        query=("currency", "portfolio_interval", "start", "end", "portfolio_limit"),
    )
    def get(self, request: Request, account: str) -> Response:
        """List how an account stood at the ends of days, or of the last week's hours (UTC)."""
        return _history(request, account)


class OwnHistoryView(ApiView):
    """The same of all accounts of the caller's own."""

    weights = LIST_WEIGHTS

    @documented(
        "portfolio_history",
        "PortfolioHistory",
        query=("currency", "portfolio_interval", "start", "end", "portfolio_limit"),
    )
    def get(self, request: Request) -> Response:
        """List the same of all accounts of the caller's own, as one."""
        return _history(request, None)


def _portfolio(request: Request, account: str | None) -> Response:
    account_id, account_pks = _accounts(request, account)
    fields = query_of(request)
    code = _take_currency(request, fields)
    fields.check()
    return answer(words.portfolio(read_portfolio(account_pks, code), account_id))


def _history(request: Request, account: str | None) -> Response:
    account_id, account_pks = _accounts(request, account)
    fields = query_of(request)
    code = _take_currency(request, fields)
    step = v1_words.interval_of(fields.take("interval") or "1d") or ""
    if step not in INTERVALS:
        fields.refuse("interval", "expected one of: 1h, 1d")
    limit = fields.integer("limit", default=MOMENTS_DEFAULT, low=1, high=MOMENTS_MAX)
    start, end = fields.moment("start"), fields.moment("end")
    if start is not None and end is not None and start > end:
        fields.refuse("start", "expected a time not after end")
    fields.check()
    currency, moments, is_whole = read_history(
        account_pks, code, step=step, start=start, end=end, limit=limit
    )
    return answer(
        words.history(currency, moments, account_id=account_id, interval=step, is_whole=is_whole)
    )


def _accounts(request: Request, account: str | None) -> tuple[UUID | None, list[int]]:
    """Return whose portfolio is asked for: an account, or None for all of one's own."""
    if account is None:
        return None, sorted(caller_of(request).meant_by_all.values())
    account_id, account_pk = reached_account(request, account)
    return account_id, [account_pk]


def _take_currency(request: Request, fields: Fields) -> str:
    """Take the asset to value in; else what the caller chose, else the exchange's own."""
    text = fields.text("currency", length_max=16, what="an asset's code")
    if text:
        return text
    chosen = get_preferences(caller_of(request).user_id).choices.currency
    return first_currency(chosen, settings.ZAVORA_VOLUME_ASSET)
