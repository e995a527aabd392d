"""Reports of an account: asked for, looked after, downloaded."""

from functools import partial
from typing import Final

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import services
from accounts.reports import selectors
from api.transport.parts import PartedResponse
from api.v1 import report_words as words
from api.v1.cursors import next_cursor, take_page
from api.v1.fields import Fields, spelling
from api.v1.openapi.operations import documented, reference
from api.v1.rest.base import ApiView, actor_of, answer, query_of, reached_account, row_id
from zavora.foundation import lasting

KINDS: Final = {spelling(name): kind for kind, name in words.REPORT_KIND.items()}
FORMATS: Final = {spelling(name): kind for kind, name in words.REPORT_FORMAT.items()}
MEDIA_TYPES: Final = {"csv": "text/csv; charset=utf-8", "pdf": "application/pdf"}


class ReportsView(ApiView):
    """An account's reports."""

    @documented("accounts_reports", "Report", is_list=True, is_paged=True)
    def get(self, request: Request, account: str) -> Response:
        """List an account's reports, newest first."""
        account_id, _ = reached_account(request, account)
        fields = query_of(request)
        limit, before = take_page(fields)
        fields.check()
        rows = selectors.list_reports(account_id, cursor=before, limit=limit + 1)
        page = [words.report(row, account_id) for row in rows[:limit]]
        return answer(page, next=next_cursor([row.pk for row in rows], limit))

    @documented("accounts_ask_report", "Report", body="ReportIn")
    def post(self, request: Request, account: str) -> Response:
        """Ask for a report; the same again gives the same one."""
        account_id, _ = reached_account(request, account)
        fields = Fields(request.data)
        kind = fields.choice("kind", KINDS, required=True)
        report_format = fields.choice("format", FORMATS)
        begin, end = fields.moment("from"), fields.moment("to")
        if begin is None:
            fields.refuse("from", "is required")
        fields.check()
        if begin is None:
            raise LookupError("a field that was checked is not there")
        row = services.request_report(
            by=actor_of(request),
            account_id=account_id,
            kind=kind or "",
            format=report_format or "csv",
            period_from=begin,
            period_to=end,
        )
        return answer(words.report(row, account_id))


class ReportView(ApiView):
    """One report."""

    @documented("accounts_report", "Report")
    def get(self, request: Request, account: str, report: str) -> Response:
        """Read how far a report is."""
        account_id, _ = reached_account(request, account)
        query_of(request).check()
        row = selectors.get_report(account_id, row_id(report, what="report"))
        return answer(words.report(row, account_id))


class FileView(ApiView):
    """The file of a report."""

    @extend_schema(
        operation_id="accounts_download_report",
        responses={
            (200, "text/csv"): OpenApiTypes.BINARY,
            (200, "application/pdf"): OpenApiTypes.BINARY,
            ("default", "application/json"): reference("Error"),
        },
        tags=["Accounts"],
    )
    def get(self, request: Request, account: str, report: str) -> HttpResponse:
        """Download a report that is done."""
        account_id, _ = reached_account(request, account)
        query_of(request).check()
        row = selectors.get_finished_report(account_id, row_id(report, what="report"))
        lasting.wait()
        return PartedResponse(
            (lambda _number: None)
            if request.method == "HEAD"
            else partial(selectors.get_part, row.pk),
            size=row.size,
            name=f"{row.kind}-{row.period_from:%Y%m%d}-{row.period_to:%Y%m%d}.{row.format}",
            content_type=MEDIA_TYPES[row.format],
        )
