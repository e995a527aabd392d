"""Operators' pages of reports: all to look at; those of the whole exchange to download."""

from itertools import count, takewhile
from typing import Final

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.db.models.functions import Length
from django.http import HttpRequest, HttpResponse

from accounts.access.actor import Permission
from accounts.access.page_actors import operator_of
from accounts.admin.look_ups import ACCOUNT_WORDS, of_account, of_owner
from accounts.models import Report, ReportPart
from accounts.reports.selectors import get_part
from accounts.services import export_report
from zavora.foundation.admin.base import ReadOnlyAdmin, Related
from zavora.foundation.admin.forms import (
    ANSWERED,
    ReasonForm,
    action_page,
    no_facts,
    title_of_action,
)
from zavora.foundation.admin.search import numbers
from zavora.foundation.errors import ZavoraError
from zavora.foundation.forms import sentence

MEDIA_TYPES: Final = {"csv": "text/csv; charset=utf-8", "zip": "application/zip"}


@admin.register(Report)
class ReportAdmin(ReadOnlyAdmin):
    """What was asked for. Reports of accounts are their owners' to read."""

    list_display = (
        "id",
        "kind",
        "format",
        "account",
        "person",
        "period_from",
        "period_to",
        "state",
        "progress",
        "note",
        "created_at",
    )
    list_filter = ("kind", "state")
    list_select_related = ("account__owner", "person")
    sortable_by = ("id",)
    is_named_by_id = True
    look_ups = (numbers("pk"), of_account("account"), of_owner("person"))
    searched_by = f"{ACCOUNT_WORDS}, report id"
    related = (Related("accounts.reportpart", lambda report: str(report.pk)),)
    actions = ("export", "hand_over")

    def has_export_permission(self, request: HttpRequest) -> bool:
        """Return whether the operator may download reports of the whole exchange."""
        return request.user.has_perm(Permission.EXPORT_REPORT)

    def has_person_permission(self, request: HttpRequest) -> bool:
        """Return whether the operator may download files of all that is known of people."""
        return request.user.has_perm(Permission.EXPORT_PERSON)

    @admin.action(description="Download the selected report", permissions=["export"])
    def export(self, request: HttpRequest, rows: QuerySet[Report]) -> HttpResponse | None:
        """Hand over the file of one report of the whole exchange."""
        return self._download(request, rows)

    @admin.action(description="Download the selected person's data", permissions=["person"])
    def hand_over(self, request: HttpRequest, rows: QuerySet[Report]) -> HttpResponse | None:
        """Hand over the file of all that is known of one person."""
        return self._download(request, rows)

    def _download(self, request: HttpRequest, rows: QuerySet[Report]) -> HttpResponse | None:
        """Ask why, then hand over the one file; the service asks the permission for its kind."""
        keys = list(rows.values_list("pk", flat=True)[:2])
        if len(keys) != 1:
            messages.error(request, "Select one report.")
            return None
        form = ReasonForm(request.POST if ANSWERED in request.POST else None)
        if not form.is_valid():
            title = title_of_action(self, request)
            return action_page(self, request, list(rows), form, title=title, facts=no_facts)
        try:
            report = export_report(by=operator_of(request), report_id=keys[0])
        except ZavoraError as error:
            messages.error(request, sentence(str(error)))
            return None
        # One of the whole exchange has a line for each market and each asset, and one of a person
        # is compressed: either may be held whole.
        parts = takewhile(bool, (get_part(report.pk, number) for number in count()))
        body = b"".join(part for part in parts if part)
        answer = HttpResponse(body, content_type=MEDIA_TYPES[report.format])
        name = f"{report.kind}-{report.period_from:%Y%m%d}.{report.format}"
        answer["Content-Disposition"] = f'attachment; filename="{name}"'
        return answer


@admin.register(ReportPart)
class ReportPartAdmin(ReadOnlyAdmin):
    """The parts of reports' files, without what stands in them."""

    list_display = ("id", "report", "number", "size")
    sortable_by = ("id",)
    fields = ("report", "number", "size")
    readonly_fields = ("size",)
    look_ups = (numbers("report"),)
    searched_by = "report id"

    def get_queryset(self, request: HttpRequest) -> QuerySet[ReportPart]:
        """Leave what stands in the files where it is."""
        rows: QuerySet[ReportPart] = super().get_queryset(request)
        return rows.defer("body").annotate(bytes=Length("body"))

    @admin.display(description="bytes")
    def size(self, part: ReportPart) -> str:
        """Return how long the part is."""
        return f"{getattr(part, 'bytes', 0):,}"
