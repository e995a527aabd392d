"""An account's orders and fills as files: the columns are the fields of the lists."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request

from api.v1.csv_parts import csv_file
from api.v1.openapi.documents import Fill, Order
from api.v1.openapi.operations import QUERY, reference
from api.v1.order_words import Shape
from api.v1.rest.base import LIST_WEIGHTS, ApiView, query_of
from api.v1.rest.history import fill_page, order_page, take_fills, take_orders, terms_by_id
from zavora.foundation import lasting

# Of a file; who wants older ones names the days.
ROWS_MAX: Final = 100_000
PAGE: Final = 500
# A page of a list from below an id: the rows, and their ids.
Page = Callable[[int | None, int], tuple[list[Shape], list[int]]]


def _documented(operation: str, names: Sequence[str]) -> Callable[[Any], Any]:
    decorate: Callable[[Any], Any] = extend_schema(
        operation_id=operation,
        responses={
            (200, "text/csv"): OpenApiTypes.BINARY,
            ("default", "application/json"): reference("Error"),
        },
        parameters=[OpenApiParameter(one, QUERY[one], OpenApiParameter.QUERY) for one in names],
        tags=["Accounts"],
    )
    return decorate


class OrdersFileView(ApiView):
    """An account's orders as a file."""

    weights = LIST_WEIGHTS

    @_documented(
        "accounts_orders_file", ("market", "side", "status", "client_order_id", "start", "end")
    )
    def get(self, request: Request, account: str) -> HttpResponse:
        """Download orders as CSV, newest first, 100,000 at most; narrowed as the list is."""
        asked = take_orders(request, account, query_of(request))
        terms = terms_by_id()
        return _file(
            request,
            "orders",
            Order.__struct_fields__,
            lambda before, limit: order_page(asked, terms, before=before, limit=limit),
        )


class FillsFileView(ApiView):
    """An account's fills as a file."""

    weights = LIST_WEIGHTS

    @_documented("accounts_trades_file", ("market", "side", "start", "end"))
    def get(self, request: Request, account: str) -> HttpResponse:
        """Download fills as CSV, newest first, 100,000 at most; narrowed as the list is."""
        asked = take_fills(request, account, query_of(request))
        terms = terms_by_id()
        return _file(
            request,
            "trades",
            Fill.__struct_fields__,
            lambda before, limit: fill_page(asked, terms, before=before, limit=limit),
        )


def _file(request: Request, name: str, fields: Sequence[str], page: Page) -> HttpResponse:
    """Answer a list as a file; its pages are read while it is sent."""
    lasting.wait()
    rows = () if request.method == "HEAD" else _rows(fields, page)
    return csv_file(name, fields, iter(rows))


def _rows(fields: Sequence[str], page: Page) -> Iterator[list[str]]:
    before: int | None = None
    for _ in range(ROWS_MAX // PAGE):
        shapes, ids = page(before, PAGE)
        yield from ([_text(shape.get(field)) for field in fields] for shape in shapes)
        if len(ids) < PAGE:
            return
        before = ids[-1]


def _text(value: Any) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
