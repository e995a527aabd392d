"""Placing, changing, cancelling and reading orders.

Whatever changes something carries a key, the client order id or a header, so that repeating it
never makes it happen twice.
"""

from collections.abc import Sequence
from typing import Any, Unpack, cast

from zavora.core.calls import (
    MINE,
    PAGE_MAX,
    Call,
    Figure,
    Listing,
    figure,
    given,
    of_account,
)
from zavora.core.routes import paged, route
from zavora.models import (
    Amendment,
    BatchItem,
    Order,
    OrderListPlaced,
    OrderPlaced,
    OrderPreview,
    OrderProof,
    OrderReplaced,
    OrderStep,
    QueuePlaces,
)
from zavora.routes.terms import (
    ListedOrder,
    NewOrder,
    OrderTerms,
    new_key,
    order_body,
    terms_body,
    with_name,
)
from zavora.words import ListKind, Side

ORDER = "/orders/{order_id}"


class TradingRoutes:
    """What REST and the WebSocket do with orders alike."""

    @route
    def place_order(
        self,
        market: str,
        side: Side | str,
        *,
        account: str | None = None,
        **terms: Unpack[OrderTerms],
    ) -> Call[OrderPlaced]:
        """Place an order; return it with the trades that it had at once.

        Without a `client_order_id` it gets one, so that a repeat is never a second order.
        """
        named = with_name(terms)
        return Call(
            "POST",
            "/orders",
            OrderPlaced,
            body=order_body(market, side, named, account=account),
            key=named["client_order_id"],
            has_key_within=True,
            socket="placeOrder",
        )

    @route
    def preview_order(
        self,
        market: str,
        side: Side | str,
        *,
        account: str | None = None,
        **terms: Unpack[OrderTerms],
    ) -> Call[OrderPreview]:
        """Tell what would become of an order as things stand, without placing it."""
        return Call(
            "POST",
            "/orders/preview",
            OrderPreview,
            body=order_body(market, side, terms, account=account),
            is_repeatable=True,
            socket="previewOrder",
        )

    @route
    def cancel_order(self, order_id: str) -> Call[Order]:
        """Cancel an open order and return it."""
        # A cancel that is repeated finds the order not open: it takes effect once by its nature.
        return Call(
            "DELETE",
            ORDER,
            Order,
            {"order_id": order_id},
            key=new_key(),
            is_repeatable=True,
            socket="cancelOrder",
        )

    @route
    def amend_order(
        self,
        order_id: str,
        *,
        price: Figure | None = None,
        quantity: Figure | None = None,
        stop_price: Figure | None = None,
    ) -> Call[OrderPlaced]:
        """Change an open order. Less quantity at the same price keeps its place in the queue."""
        figures = {"price": price, "quantity": quantity, "stop_price": stop_price}
        body = given(**{name: figure(value, name=name) for name, value in figures.items()})
        return Call(
            "PATCH",
            ORDER,
            OrderPlaced,
            {"order_id": order_id},
            body=body,
            key=new_key(),
            socket="amendOrder",
        )

    @route
    def replace_order(
        self,
        order_id: str,
        market: str,
        side: Side | str,
        *,
        policy: str = "StopOnFailure",
        account: str | None = None,
        **terms: Unpack[OrderTerms],
    ) -> Call[OrderReplaced]:
        """Cancel an order and place another of the same account and market, at once."""
        named = with_name(terms)
        return Call(
            "POST",
            ORDER + "/replace",
            OrderReplaced,
            {"order_id": order_id},
            body={**order_body(market, side, named, account=account), "policy": policy},
            key=named["client_order_id"],
            has_key_within=True,
            socket="replaceOrder",
        )

    @route
    def cancel_all(
        self,
        market: str | None = None,
        *,
        side: Side | str | None = None,
        account: str | None = None,
    ) -> Call[list[BatchItem]]:
        """Cancel an account's open orders, of all markets or one, of both sides or one."""
        return Call(
            "POST",
            "/orders/cancel-all",
            list[BatchItem],
            body={"account": account or MINE, **given(market=market, side=side)},
            key=new_key(),
            is_repeatable=True,
            socket="cancelAll",
        )

    @route
    def place_order_list(
        self,
        kind: ListKind | str,
        market: str,
        orders: Sequence[ListedOrder],
        *,
        client_list_id: str | None = None,
        account: str | None = None,
    ) -> Call[OrderListPlaced]:
        """Place orders that are one thing: OCO, OTO or OTOCO. All of them, or none."""
        key = client_list_id or new_key()
        return Call(
            "POST",
            "/orders/lists",
            OrderListPlaced,
            body={
                "user_id": account or MINE,
                "market": market,
                "kind": str(kind),
                "client_list_id": key,
                "orders": [terms_body(one["side"], _terms(one)) for one in orders],
            },
            key=key,
            has_key_within=True,
            weight=len(orders),
            socket="placeOrderList",
        )

    @route
    def cancel_order_list(self, list_id: str) -> Call[OrderListPlaced]:
        """Cancel what is open of a list."""
        return Call(
            "DELETE",
            "/orders/lists/{list_id}",
            OrderListPlaced,
            {"list_id": list_id},
            is_repeatable=True,
            socket="cancelOrderList",
        )


class OrderRoutes(TradingRoutes):
    """What is done with orders by REST."""

    @route
    def place_orders(
        self, orders: Sequence[NewOrder], *, key: str | None = None
    ) -> Call[list[BatchItem]]:
        """Place up to 100 orders, each for itself: the order and its trades, or its error."""
        body = [
            order_body(one["market"], one["side"], _terms(one), account=one.get("account"))
            for one in orders
        ]
        return Call(
            "POST",
            "/orders/batch",
            list[BatchItem],
            body=body,
            key=key or new_key(),
            weight=len(orders),
        )

    @route
    def order(self, order_id: str) -> Call[Order]:
        """Return an order, in whatever state."""
        return Call("GET", ORDER, Order, {"order_id": order_id})

    @route
    def order_list(self, list_id: str) -> Call[OrderListPlaced]:
        """Return a list and its orders."""
        return Call("GET", "/orders/lists/{list_id}", OrderListPlaced, {"list_id": list_id})

    @paged
    def amendments(self, order_id: str, *, page: int = PAGE_MAX) -> Listing[Amendment]:
        """List what an order asked for before it was amended, newest first."""
        parts = {"order_id": order_id}
        return Listing(Call("GET", ORDER + "/amendments", list[Amendment], parts, {"limit": page}))

    @route
    def order_proof(self, order_id: str) -> Call[OrderProof]:
        """Tell what journal, trades and ledger say of an order, with its first steps."""
        return Call("GET", ORDER + "/proof", OrderProof, {"order_id": order_id})

    @paged
    def order_steps(self, order_id: str, *, page: int = PAGE_MAX) -> Listing[OrderStep]:
        """List an order's steps with what they moved in the ledger, oldest first."""
        parts = {"order_id": order_id}
        call: Call[Any] = Call("GET", ORDER + "/proof", OrderProof, parts, {"limit": page})
        return Listing(call, rows=lambda data: data.steps)

    @route
    def queue(self, market: str, *, account: str | None = None) -> Call[QueuePlaces]:
        """Tell how much the book shows ahead of each of an account's orders."""
        return Call(
            "GET",
            "/accounts/{account}/queue/{market}",
            QueuePlaces,
            {**of_account(account), "market": market.replace("/", "-")},
        )


def _terms(order: ListedOrder) -> OrderTerms:
    named = {key: value for key, value in order.items() if key not in {"market", "side", "account"}}
    return cast("OrderTerms", named)
