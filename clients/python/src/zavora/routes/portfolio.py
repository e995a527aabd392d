"""What accounts are worth, and what that cost and brought."""

from collections.abc import Mapping
from typing import Any, Final

from zavora.core.calls import Call, Moment, of_account
from zavora.core.routes import route
from zavora.models import Portfolio, PortfolioHistory

OF_ACCOUNT: Final = "/accounts/{account}/portfolio"
OF_ALL: Final = "/portfolio"


class PortfolioRoutes:
    """What is asked of portfolios: of an account, or of all one's own as one."""

    @route
    def portfolio(
        self, currency: str | None = None, *, account: str | None = None
    ) -> Call[Portfolio]:
        """Return what an account is worth; without a currency in the one that was chosen.

        Where `is_complete` is false a long history is still being counted: ask again.
        """
        return Call("GET", OF_ACCOUNT, Portfolio, of_account(account), {"currency": currency})

    @route
    def whole_portfolio(self, currency: str | None = None) -> Call[Portfolio]:
        """Return what all one's own accounts are worth as one."""
        return Call("GET", OF_ALL, Portfolio, query={"currency": currency})

    @route
    def portfolio_history(
        self,
        currency: str | None = None,
        *,
        interval: str = "1d",
        start: Moment | None = None,
        end: Moment | None = None,
        limit: int | None = None,
        account: str | None = None,
    ) -> Call[PortfolioHistory]:
        """Return how an account stood at the ends of days (`1d`) or hours (`1h`), oldest first."""
        query = _history(currency, interval, start, end, limit)
        return Call("GET", OF_ACCOUNT + "/history", PortfolioHistory, of_account(account), query)

    @route
    def whole_portfolio_history(
        self,
        currency: str | None = None,
        *,
        interval: str = "1d",
        start: Moment | None = None,
        end: Moment | None = None,
        limit: int | None = None,
    ) -> Call[PortfolioHistory]:
        """Return how all one's own accounts stood as one, oldest first."""
        query = _history(currency, interval, start, end, limit)
        return Call("GET", OF_ALL + "/history", PortfolioHistory, query=query)


def _history(
    currency: str | None,
    interval: str,
    start: Moment | None,
    end: Moment | None,
    limit: int | None,
) -> Mapping[str, Any]:
    return {
        "currency": currency,
        "interval": interval,
        "start": start,
        "end": end,
        "limit": limit,
    }
