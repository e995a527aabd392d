"""Adds the edge's routes and all shapes to drf-spectacular's document (a postprocessing hook)."""

from typing import Any, Final

from api.v1.openapi.documents import shape_schemas
from api.v1.openapi.operations import (
    KEY_DESCRIPTION,
    QUERY,
    SECURITY,
    envelope_schema,
    reference,
)
from api.v1.openapi.portfolio_shapes import PORTFOLIO_SHAPES
from api.v1.openapi.proof_shapes import PROOF_SHAPES
from api.v1.openapi.report_shapes import REPORT_SHAPES

JSON: Final = "application/json"
# Variable parts of a path: names and descriptions, in its order.
Named = tuple[tuple[str, str], ...]
ORDER_ID: Final[Named] = (("order_id", "An order's id."),)
LIST_ID: Final[Named] = (("list_id", "The id of a list of orders."),)
SYMBOL: Final[Named] = (("market", "A market's symbol, best as BTC-USD."),)
OF_ACCOUNT: Final[Named] = (("account", "The account's id."), *SYMBOL)


def add_edge(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Return the document with what the edge answers (SPECTACULAR_SETTINGS)."""
    schemas = result.setdefault("components", {}).setdefault("schemas", {})
    schemas.update(shape_schemas(*REPORT_SHAPES, *PROOF_SHAPES, *PORTFOLIO_SHAPES))
    result["components"]["schemas"] = dict(sorted(schemas.items()))
    for path, methods in _paths().items():
        result["paths"].setdefault(path, {}).update(methods)
    result["paths"] = dict(sorted(result["paths"].items()))
    return result


def _operation(
    name: str,
    summary: str,
    success: dict[str, Any],
    *,
    tag: str,
    path: Named = (),
    query: tuple[str, ...] = (),
    body: dict[str, Any] | None = None,
    is_public: bool = False,
    has_key: bool = False,
) -> dict[str, Any]:
    parameters: list[dict[str, Any]] = [
        {
            "in": "path",
            "name": named,
            "required": True,
            "description": description,
            "schema": {"type": "string"},
        }
        for named, description in path
    ]
    parameters += [{"in": "query", "name": one, "schema": QUERY[one]} for one in query]
    if has_key:
        parameters.append(
            {
                "in": "header",
                "name": "Idempotency-Key",
                "description": KEY_DESCRIPTION,
                "schema": {"type": "string", "maxLength": 128},
            }
        )
    operation: dict[str, Any] = {
        "operationId": name,
        "summary": summary,
        "tags": [tag],
        "security": [] if is_public else SECURITY,
        "responses": {
            "200": {"description": "", "content": {JSON: {"schema": success}}},
            "default": {"description": "", "content": {JSON: {"schema": reference("Error")}}},
        },
    }
    if parameters:
        operation["parameters"] = parameters
    if body is not None:
        operation["requestBody"] = {"required": True, "content": {JSON: {"schema": body}}}
    return operation


def _paths() -> dict[str, dict[str, Any]]:
    return {
        **_order_paths(),
        **_past_paths(),
        **_list_paths(),
        **_protection_paths(),
        **_market_paths(),
        **_health_paths(),
    }


def _of_orders(name: str, summary: str, success: dict[str, Any], **more: Any) -> dict[str, Any]:
    return _operation(name, summary, success, tag="Orders", **more)


def _order_paths() -> dict[str, dict[str, Any]]:
    placed, items = envelope_schema("OrderPlaced"), envelope_schema("BatchItem", is_list=True)
    order = envelope_schema("Order")
    batch = {"type": "array", "items": reference("PlaceOrderIn"), "minItems": 1, "maxItems": 100}

    place = _of_orders(
        "orders_place",
        "Place an order; answered after the commit.",
        placed,
        body=reference("PlaceOrderIn"),
        has_key=True,
    )
    cancel = {"path": ORDER_ID, "has_key": True}
    return {
        "/api/v1/orders": {"post": place},
        "/api/v1/orders/batch": {
            "post": _of_orders(
                "orders_place_batch", "Place a list of orders.", items, body=batch, has_key=True
            )
        },
        "/api/v1/orders/cancel-all": {
            "post": _of_orders(
                "orders_cancel_all",
                "Cancel an account's open orders.",
                items,
                body=reference("CancelAllIn"),
                has_key=True,
            )
        },
        "/api/v1/orders/preview": {
            "post": _of_orders(
                "orders_preview",
                "Tell what would become of an order; nothing is placed.",
                envelope_schema("OrderPreview"),
                body=reference("PlaceOrderIn"),
            )
        },
        "/api/v1/orders/{order_id}": {
            "get": _of_orders("orders_read", "Read an order.", order, path=ORDER_ID),
            "delete": _of_orders("orders_cancel", "Cancel an order.", order, **cancel),
            "post": _of_orders("orders_cancel_by_post", "Cancel an order.", order, **cancel),
            "patch": _of_orders(
                "orders_amend",
                "Change an open order's price, total quantity or stop price.",
                placed,
                path=ORDER_ID,
                body=reference("AmendOrderIn"),
                has_key=True,
            ),
        },
        "/api/v1/orders/{order_id}/replace": {
            "post": _of_orders(
                "orders_replace",
                "Cancel an order and place another in its place, as one command.",
                envelope_schema("OrderReplaced"),
                path=ORDER_ID,
                body=reference("ReplaceOrderIn"),
                has_key=True,
            )
        },
    }


def _past_paths() -> dict[str, dict[str, Any]]:
    """Return what is told of what became of an order."""
    return {
        "/api/v1/orders/{order_id}/amendments": {
            "get": _of_orders(
                "orders_amendments",
                "List what an order asked for before it was amended, newest first.",
                envelope_schema("Amendment", is_list=True, is_paged=True),
                path=ORDER_ID,
                query=("limit", "cursor"),
            )
        },
        "/api/v1/orders/{order_id}/proof": {
            "get": _of_orders(
                "orders_proof",
                "Tell what journal, trades and ledger say of an order; its steps oldest first.",
                envelope_schema("OrderProof", is_paged=True),
                path=ORDER_ID,
                query=("limit", "cursor"),
            )
        },
    }


def _list_paths() -> dict[str, dict[str, Any]]:
    return {
        "/api/v1/orders/lists": {
            "post": _of_orders(
                "orders_place_order_list",
                "Place orders that are one thing: OCO, OTO or OTOCO.",
                envelope_schema("OrderListPlaced"),
                body=reference("PlaceListIn"),
                has_key=True,
            )
        },
        "/api/v1/orders/lists/{list_id}": {
            "get": _of_orders(
                "orders_read_list",
                "Read a list of orders.",
                envelope_schema("OrderListPlaced"),
                path=LIST_ID,
            ),
            "delete": _of_orders(
                "orders_cancel_list",
                "Cancel a list: all of its orders that are open.",
                envelope_schema("OrderListPlaced"),
                path=LIST_ID,
            ),
        },
    }


def _protection_paths() -> dict[str, dict[str, Any]]:
    protection = envelope_schema("Protection")
    of: dict[str, Any] = {"path": OF_ACCOUNT, "tag": "Accounts"}
    base = "/api/v1/accounts/{account}/protections/{market}"
    return {
        "/api/v1/accounts/{account}/queue/{market}": {
            "get": _operation(
                "accounts_queue",
                "Tell what is shown ahead of an account's orders in a market's book.",
                envelope_schema("QueuePlaces"),
                **of,
            )
        },
        base: {
            "get": _operation(
                "accounts_protection",
                "Read what protects an account's quotes in a market.",
                protection,
                **of,
            ),
            "put": _operation(
                "accounts_protect",
                "Protect an account's quotes in a market.",
                protection,
                body=reference("ProtectionIn"),
                **of,
            ),
            "delete": _operation("accounts_unprotect", "Protect them no more.", protection, **of),
        },
        f"{base}/reset": {
            "post": _operation(
                "accounts_reset_protection",
                "Let an account go on whose quotes its protection ended.",
                protection,
                **of,
            )
        },
    }


def _market_paths() -> dict[str, dict[str, Any]]:
    def read(
        name: str, summary: str, shape: str, *, is_list: bool = False, **more: Any
    ) -> dict[str, Any]:
        success = envelope_schema(
            shape, is_list=is_list, is_paged="cursor" in more.get("query", ())
        )
        return {"get": _operation(name, summary, success, tag="Markets", is_public=True, **more)}

    base = "/api/v1/markets/{market}"
    return {
        "/api/v1/markets": read("markets_list", "List all markets.", "Market", is_list=True),
        "/api/v1/markets/tickers": read(
            "markets_tickers", "List all tickers.", "Ticker", is_list=True
        ),
        base: read("markets_read", "Read a market.", "Market", path=SYMBOL),
        f"{base}/order-book": read(
            "markets_order_book", "Read a book.", "OrderBook", path=SYMBOL, query=("depth",)
        ),
        f"{base}/ticker": read("markets_ticker", "Read a ticker.", "Ticker", path=SYMBOL),
        f"{base}/trades": read(
            "markets_trades",
            "List trades, newest first.",
            "PublicTrades",
            path=SYMBOL,
            query=("limit", "cursor"),
        ),
    }


def _health_paths() -> dict[str, dict[str, Any]]:
    health = _operation(
        "health", "How the exchange is.", reference("Health"), tag="Health", is_public=True
    )
    degraded = {"description": "Degraded.", "content": {JSON: {"schema": reference("Health")}}}
    health["responses"]["503"] = degraded
    live = _operation(
        "health_live", "This web process answers.", reference("Live"), tag="Health", is_public=True
    )
    ready = _operation(
        "health_ready",
        "This web process hears the queue and has its feed.",
        reference("Ready"),
        tag="Health",
        is_public=True,
    )
    waiting = {"description": "Not yet.", "content": {JSON: {"schema": reference("Ready")}}}
    ready["responses"]["503"] = waiting
    return {
        "/api/v1/health": {"get": health},
        "/api/v1/health/live": {"get": live},
        "/api/v1/health/ready": {"get": ready},
    }
