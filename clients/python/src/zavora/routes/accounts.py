"""Accounts: what they have, what they did, what they pay, what protects their quotes."""

from collections.abc import Mapping
from typing import Any, Final

from zavora.core.calls import (
    LIST_WEIGHT,
    PAGE_MAX,
    Call,
    Figure,
    Listing,
    Mine,
    Moment,
    figure,
    given,
    of_account,
)
from zavora.core.routes import paged, route
from zavora.models import (
    Account,
    AccountFees,
    Balance,
    Fill,
    LedgerEntry,
    Order,
    OrderList,
    Protection,
)
from zavora.words import OrderStatus, Side

ACCOUNT: Final = "/accounts/{account}"
PROTECTION: Final = ACCOUNT + "/protections/{market}"
OPEN: Final = "Open"


class AccountRoutes:
    """What is asked of accounts; without one, of the client's own."""

    @route
    def accounts(self) -> Call[list[Account]]:
        """Return the caller's accounts, then those that others share with them."""
        return Call("GET", "/accounts", list[Account])

    @route
    def account(self, account: str | None = None) -> Call[Account]:
        """Return an account."""
        return Call("GET", ACCOUNT, Account, of_account(account))

    @route
    def create_account(self, label: str = "") -> Call[Account]:
        """Open an account. Not repeated by itself: a repeat would open another."""
        return Call("POST", "/accounts", Account, body={"label": label} if label else {})

    @route
    def rename_account(self, label: str, *, account: str | None = None) -> Call[Account]:
        """Give an account another name."""
        return Call(
            "PATCH",
            ACCOUNT,
            Account,
            of_account(account),
            body={"label": label},
            is_repeatable=True,
        )

    @route
    def balances(self, *, account: str | None = None) -> Call[list[Balance]]:
        """Return what an account has of each asset."""
        return Call("GET", ACCOUNT + "/balances", list[Balance], of_account(account))

    @route
    def fees(self, *, account: str | None = None) -> Call[AccountFees]:
        """Return what an account pays in each market, and why."""
        return Call("GET", ACCOUNT + "/fees", AccountFees, of_account(account))

    @paged
    def orders(
        self,
        market: str | None = None,
        *,
        status: OrderStatus | str | None = None,
        side: Side | str | None = None,
        client_order_id: str | None = None,
        start: Moment | None = None,
        end: Moment | None = None,
        account: str | None = None,
        page: int = PAGE_MAX,
    ) -> Listing[Order]:
        """List an account's orders, newest first; `status` may be several by commas, or `Open`."""
        query = {
            "market": market,
            "status": status,
            "side": side,
            "client_order_id": client_order_id,
            "start": start,
            "end": end,
            "limit": page,
        }
        path = ACCOUNT + "/orders"
        return Listing(
            Call("GET", path, list[Order], of_account(account), query, weight=LIST_WEIGHT)
        )

    @paged
    def order_lists(
        self,
        market: str | None = None,
        *,
        status: str | None = None,
        account: str | None = None,
        page: int = PAGE_MAX,
    ) -> Listing[OrderList]:
        """List an account's lists of orders, newest first; `status`: `Executing` or `Done`."""
        query = {"market": market, "status": status, "limit": page}
        path = ACCOUNT + "/order-lists"
        return Listing(
            Call("GET", path, list[OrderList], of_account(account), query, weight=LIST_WEIGHT)
        )

    @paged
    def fills(
        self,
        market: str | None = None,
        *,
        side: Side | str | None = None,
        start: Moment | None = None,
        end: Moment | None = None,
        account: str | None = None,
        page: int = PAGE_MAX,
    ) -> Listing[Fill]:
        """List an account's side of its trades, newest first; times are inclusive."""
        query = {"market": market, "side": side, "start": start, "end": end, "limit": page}
        path = ACCOUNT + "/trades"
        return Listing(
            Call("GET", path, list[Fill], of_account(account), query, weight=LIST_WEIGHT)
        )

    @route
    def orders_file(
        self,
        market: str | None = None,
        *,
        status: OrderStatus | str | None = None,
        side: Side | str | None = None,
        start: Moment | None = None,
        end: Moment | None = None,
        account: str | None = None,
    ) -> Call[bytes]:
        """Return an account's orders as CSV, newest first, at most 100,000."""
        query = {"market": market, "status": status, "side": side, "start": start, "end": end}
        return _file("/orders/file", account, query)

    @route
    def fills_file(
        self,
        market: str | None = None,
        *,
        side: Side | str | None = None,
        start: Moment | None = None,
        end: Moment | None = None,
        account: str | None = None,
    ) -> Call[bytes]:
        """Return an account's side of its trades as CSV, newest first, at most 100,000."""
        query = {"market": market, "side": side, "start": start, "end": end}
        return _file("/trades/file", account, query)

    @paged
    def ledger(
        self, asset: str | None = None, *, account: str | None = None, page: int = PAGE_MAX
    ) -> Listing[LedgerEntry]:
        """List every movement of an account, newest first."""
        query = {"asset": asset, "limit": page}
        path = ACCOUNT + "/ledger"
        return Listing(
            Call("GET", path, list[LedgerEntry], of_account(account), query, weight=LIST_WEIGHT)
        )

    @route
    def protection(self, market: str, *, account: str | None = None) -> Call[Protection]:
        """Return what protects an account's quotes in a market."""
        return Call("GET", PROTECTION, Protection, _quotes(account, market))

    @route
    def protect(
        self,
        market: str,
        *,
        window_ms: int,
        max_fills: int | None = None,
        max_quantity: Figure | None = None,
        account: str | None = None,
    ) -> Call[Protection]:
        """End an account's quotes in a market once so much was filled within a window."""
        limits = given(max_fills=max_fills, max_quantity=figure(max_quantity, name="max_quantity"))
        return Call(
            "PUT",
            PROTECTION,
            Protection,
            _quotes(account, market),
            body={"window_ms": window_ms, **limits},
            is_repeatable=True,
        )

    @route
    def unprotect(self, market: str, *, account: str | None = None) -> Call[Protection]:
        """Protect an account's quotes no more."""
        return Call("DELETE", PROTECTION, Protection, _quotes(account, market), is_repeatable=True)

    @route
    def reset_protection(self, market: str, *, account: str | None = None) -> Call[Protection]:
        """Let an account go on whose quotes its protection ended."""
        return Call("POST", PROTECTION + "/reset", Protection, _quotes(account, market))


def _file(path: str, account: str | None, query: Mapping[str, Any]) -> Call[bytes]:
    path = ACCOUNT + path
    parts = of_account(account)
    return Call("GET", path, bytes, parts, query, is_file=True, weight=LIST_WEIGHT)


def _quotes(account: str | None, market: str) -> dict[str, str | Mine]:
    return {**of_account(account), "market": market.replace("/", "-")}
