"""Published liabilities for everybody, and an owner's proof that they are counted in."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.liabilities import selectors
from api.v1 import report_words as words
from api.v1.cursors import next_cursor, take_page
from api.v1.openapi.operations import documented, reference
from api.v1.rest.base import ApiView, own_account, public_answer, query_of, row_id
from zavora.foundation import lasting


class LiabilitiesView(ApiView):
    """What the exchange said it owes."""

    is_public = True
    authentication_classes = ()
    permission_classes = ()

    @documented("liabilities", "LiabilitySnapshot", is_list=True, is_paged=True, is_public=True)
    def get(self, request: Request) -> Response:
        """List the published snapshots with root and total of each asset's tree, newest first."""
        fields = query_of(request)
        limit, before = take_page(fields)
        fields.check()
        rows = selectors.list_snapshots(cursor=before, limit=limit + 1)
        page = [words.liability_snapshot(row) for row in rows[:limit]]
        return public_answer(page, next=next_cursor([row.pk for row in rows], limit))


class ProofView(ApiView):
    """What shows an owner that their balances are counted."""

    @extend_schema(
        operation_id="accounts_liabilities",
        responses={
            (200, "application/json"): reference("LiabilityProofs"),
            ("default", "application/json"): reference("Error"),
        },
        tags=["Accounts"],
    )
    def get(self, request: Request, account: str, snapshot: str) -> Response:
        """Download the proofs of an account's balances in a snapshot, as a file for the script."""
        account_id, _ = own_account(request, account)
        query_of(request).check()
        published, proofs = selectors.get_proofs(account_id, row_id(snapshot, what="snapshot"))
        lasting.wait()
        response = Response(words.liability_proofs(published, account_id, proofs))
        name = f"liabilities-{published.pk}-{account_id}.json"
        response["Content-Disposition"] = f'attachment; filename="{name}"'
        return response
