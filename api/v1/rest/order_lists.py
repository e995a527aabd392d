"""An account's lists of orders."""

from typing import Final

from rest_framework.request import Request
from rest_framework.response import Response

from api.v1 import order_words
from api.v1.cursors import next_cursor, take_page
from api.v1.fields import spelling
from api.v1.openapi.operations import documented
from api.v1.rest.base import LIST_WEIGHTS, ApiView, answer, query_of, reached_account
from api.v1.rest.history import take_symbol, terms_by_id, terms_of
from matching.orders.lists import list_order_lists, state_of_row

STATUSES: Final = {spelling(name): name for name in order_words.LIST_STATUS.values()}
DONE: Final = order_words.LIST_STATUS["done"]


class OrderListsView(ApiView):
    """An account's lists of orders."""

    weights = LIST_WEIGHTS

    @documented(
        "accounts_order_lists",
        "OrderList",
        is_list=True,
        is_paged=True,
        query=("market", "list_status"),
    )
    def get(self, request: Request, account: str) -> Response:
        """List an account's lists of orders, newest first."""
        account_id, account_pk = reached_account(request, account)
        fields = query_of(request)
        limit, before = take_page(fields)
        symbol = take_symbol(fields)
        status = fields.choice("status", STATUSES)
        fields.check()
        terms = terms_by_id()
        rows = list_order_lists(
            account_pk,
            market_id=terms_of(symbol, terms).market_id if symbol else None,
            is_done=None if status is None else status == DONE,
            before_id=before,
            limit=limit + 1,
        )
        page = [
            order_words.order_list(state_of_row(row), terms[row.market_id], account_id)
            for row in rows[:limit]
        ]
        return answer(page, next=next_cursor([row.pk for row in rows], limit))
