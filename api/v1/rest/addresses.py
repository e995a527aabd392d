"""An account's address book: where its withdrawals may go, and from when on."""

from rest_framework.request import Request
from rest_framework.response import Response

from accounts import services
from accounts.access.callers import SCOPE_WITHDRAW
from accounts.money import selectors
from api.v1 import words
from api.v1.cursors import next_cursor, take_page
from api.v1.fields import Fields
from api.v1.openapi.operations import documented
from api.v1.rest.base import ApiView, actor_of, answer, own_account, query_of, row_id


class AddressesView(ApiView):
    """The book."""

    scopes = {"POST": SCOPE_WITHDRAW}

    @documented("accounts_addresses", "Address", is_list=True, is_paged=True)
    def get(self, request: Request, account: str) -> Response:
        """List the addresses of an account's book, newest first."""
        account_id, pk = own_account(request, account)
        fields = query_of(request)
        limit, before = take_page(fields)
        fields.check()
        rows = selectors.list_addresses([pk], cursor=before, limit=limit + 1)
        page = [words.address(row, account_id) for row in rows[:limit]]
        return answer(page, next=next_cursor([row.pk for row in rows], limit))

    @documented("accounts_add_address", "Address", body="AddressIn")
    def post(self, request: Request, account: str) -> Response:
        """Put an address into the book; it can be used from `usable_at` on. Again is fine."""
        account_id, _ = own_account(request, account)
        fields = Fields(request.data)
        asset = fields.text("asset", required=True, length_max=16, what="an asset's code")
        address = fields.label("address", length_max=128)
        label = fields.label("label")
        fields.check()
        record = services.add_address(
            by=actor_of(request),
            account_id=account_id,
            asset=asset or "",
            address=address or "",
            label=label or "",
        )
        return answer(words.address(record, account_id))


class AddressView(ApiView):
    """One address."""

    scopes = {"DELETE": SCOPE_WITHDRAW}

    @documented("accounts_remove_address", "Address")
    def delete(self, request: Request, account: str, address: str) -> Response:
        """Take an address out of the book, at once."""
        account_id, _ = own_account(request, account)
        query_of(request).check()
        record = services.remove_address(
            by=actor_of(request),
            account_id=account_id,
            address_id=row_id(address, what="address"),
        )
        return answer(words.address(record, account_id))
