"""Transfers between one's own accounts."""

from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from accounts import services
from accounts.access.callers import SCOPE_TRADE
from accounts.money.selectors import TransfersAsked, list_transfers
from api.v1 import words
from api.v1.cursors import next_cursor, take_page
from api.v1.fields import Fields
from api.v1.openapi.operations import documented
from api.v1.rest.accounts import key_of, take_money
from api.v1.rest.base import ApiView, actor_of, answer, caller_of, query_of


class TransfersView(ApiView):
    """What went from one of the caller's accounts to another."""

    scopes = {"POST": SCOPE_TRADE}

    @documented(
        "transfers_list",
        "Transfer",
        is_list=True,
        is_paged=True,
        query=("account", "asset", "start", "end"),
    )
    def get(self, request: Request) -> Response:
        """List transfers, newest first; `account` takes either side, `start` and `end` count."""
        caller = caller_of(request)
        fields = query_of(request)
        limit, before = take_page(fields)
        account = fields.uuid("account")
        asset = fields.text("asset", length_max=16, what="an asset's code")
        start, end = fields.moment("start"), fields.moment("end")
        if start is not None and end is not None and start > end:
            fields.refuse("start", "expected a time not after end")
        fields.check()
        asked = TransfersAsked(
            owner_id=caller.user_id,
            # A credential that is limited to one account knows of that one's alone.
            account=caller.only_account if account is None else caller.own_account_pk(account),
            asset=asset,
            start=start,
            end=end,
        )
        rows = list_transfers(asked, cursor=before, limit=limit + 1)
        page = [words.transfer(row) for row in rows[:limit]]
        return answer(page, next=next_cursor([row.pk for row in rows], limit))

    @documented("transfers_create", "Transfer", body="TransferIn", has_key=True)
    def post(self, request: Request) -> Response:
        """Move money at once. With an Idempotency-Key a repeat moves nothing."""
        fields = Fields(request.data)
        from_account = _take_account(fields, "from_account")
        to_account = _take_account(fields, "to_account")
        asset, amount = take_money(fields)
        fields.check()
        record = services.transfer(
            by=actor_of(request),
            from_account=from_account,
            to_account=to_account,
            asset=asset,
            amount=amount,
            key=key_of(request),
        )
        return answer(words.transfer(record))


def _take_account(fields: Fields, name: str) -> UUID:
    """Take an account's id; where it is wrong, ``check`` raises before it is used."""
    return fields.uuid(name, required=True) or UUID(int=0)
