"""Operators' pages of the records of acts and of their chain: to look at, and to take away."""

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from django.contrib import admin, messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path, reverse
from django.utils.html import format_html

from accounts.access.actor import ActorKind
from accounts.admin.look_ups import records_of
from accounts.audit import ACTS
from accounts.chain.exporting import FORMATS, exported
from accounts.models import AuditLink, AuditRecord, User
from zavora.foundation.admin.base import ReadOnlyAdmin, cell, filter_by
from zavora.foundation.admin.cells import (
    NOTHING,
    lines,
    link,
    link_to,
    search_link,
    table,
)
from zavora.foundation.admin.search import numbers, texts

# An answer is made before it is sent, so it is bounded; the command takes any number.
DOWNLOAD_MAX: Final = 10_000
CONTENT_TYPES: Final[Mapping[str, str]] = {
    "csv": "text/csv; charset=utf-8",
    "jsonl": "application/x-ndjson",
}
# What the subjects of records are.
SUBJECTS = {
    "user": "accounts.user",
    "group": "auth.group",
    "account": "accounts.account",
    "asset": "accounts.asset",
    "report": "accounts.report",
    "market": "matching.market",
}


@admin.register(AuditRecord)
class AuditRecordAdmin(ReadOnlyAdmin):
    """What operators did, and people to their own; written with the effect, never changed."""

    list_display = (
        "created_at",
        "place",
        "act",
        "about",
        "actor",
        "reason",
        "outcome",
        "address",
        "request_id",
    )
    list_filter = (
        filter_by("act", ACTS),
        filter_by("actor_kind", ActorKind),
        ("created_at", admin.DateFieldListFilter),
    )
    list_select_related = ("link",)
    # So it is named where links refer to it: a record that is gone is still named.
    is_named_by_id = True
    fields = (
        "id",
        "place",
        "created_at",
        "act",
        "about",
        "subject",
        "actor",
        "actor_kind",
        "key_id",
        "address",
        "reason",
        "outcome",
        "change",
        "details",
        "request_id",
    )
    look_ups = (numbers("pk", "user_id"), records_of, texts("request_id"))
    searched_by = (
        "e-mail (by whom, and to whom), user id (by whom), account id, subject, request id, asset,"
        " market"
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[AuditRecord]:
        """Read with each record what its actor is called now."""
        people = User.objects.filter(pk=OuterRef("user_id")).order_by()
        rows: QuerySet[AuditRecord] = super().get_queryset(request)
        return rows.annotate(email=Subquery(people.values("email")[:1]))

    @cell("about")
    def about(self, request: HttpRequest, row: AuditRecord) -> str:
        """Return a link to what it was done to, or to the list that finds it."""
        kind, _, name = row.subject.partition(":")
        if kind in ("user", "group", "report") and name.isdigit():
            return link_to(request, SUBJECTS[kind], name)
        if kind in SUBJECTS:
            return search_link(request, SUBJECTS[kind], name, f"{kind} {name}") or row.subject
        return row.subject

    @cell("position")
    def place(self, request: HttpRequest, row: AuditRecord) -> str:
        """Return where the record stands in the chain."""
        chained: AuditLink | None = getattr(row, "link", None)
        if chained is None:
            return format_html("<strong>{}</strong>", "not chained")
        return link(request, AuditLink, chained.pk, str(chained.pk))

    @cell("by")
    def actor(self, request: HttpRequest, row: AuditRecord) -> str:
        """Return who did it, and in which role."""
        if row.user_id is None:
            return f"{row.actor_kind} {row.actor_name}"
        # By the address of now; a record itself has none, but those of before.
        name = getattr(row, "email", None) or row.actor_name
        return lines([link(request, User, row.user_id, name), row.role])

    @cell("before and after")
    def change(self, request: HttpRequest, row: AuditRecord) -> str:
        """Return what was and what is now, name by name."""
        was, now = row.details.get("was"), row.details.get("now")
        if was is None and now is None:
            return NOTHING
        if not (isinstance(was, dict) and isinstance(now, dict)):
            # As records had it before each figure had a name.
            was, now = {"": was}, {"": row.details.get("status", now)}
        names = list(dict.fromkeys((*was, *now)))
        rows = ((name, _shown(was.get(name)), _shown(now.get(name))) for name in names)
        return table(("Name", "Before", "After"), rows)

    @admin.display(description="outcome")
    def outcome(self, row: AuditRecord) -> str:
        """Return what came of an act that another process carries out."""
        return str(row.details.get("outcome", ""))

    # --- taking them away -------------------------------------------------------------------------

    def get_urls(self) -> list[Any]:
        """Add a download in each format; which records it holds the list's own address says."""
        downloads = [
            path(f"export.{form}", self.admin_site.admin_view(partial(self.download, form=form)),
                 name=_name_of_download(form))
            for form in FORMATS
        ]  # fmt: skip
        return [*downloads, *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """Show the list, with links to its downloads."""
        downloads = [(form, reverse(f"admin:{_name_of_download(form)}")) for form in FORMATS]
        return super().changelist_view(request, {**(extra_context or {}), "downloads": downloads})

    def download(self, request: HttpRequest, *, form: str) -> HttpResponse:
        """Answer with the records of a list, all its pages, in the order of the chain."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        address = f"{reverse('admin:accounts_auditrecord_changelist')}?{request.GET.urlencode()}"
        try:
            records = self.get_changelist_instance(request).queryset
        except IncorrectLookupParameters:
            return redirect(address)  # which says so
        if len(records.order_by()[: DOWNLOAD_MAX + 1].values_list("pk")) > DOWNLOAD_MAX:
            messages.warning(
                request,
                f"These are more than {DOWNLOAD_MAX:,} records: filter or search first, or use"
                " manage.py export_audit, which writes any number.",
            )
            return redirect(address)
        return HttpResponse(
            exported(records.select_related(None), form),
            content_type=CONTENT_TYPES[form],
            headers={"Content-Disposition": f'attachment; filename="audit.{form}"'},
        )


@admin.register(AuditLink)
class AuditLinkAdmin(ReadOnlyAdmin):
    """The chain of records, as triggers write it; ``manage.py verify_audit`` says if it holds."""

    list_display = ("position", "record", "hash_text")
    fields = ("position", "record", "form", "previous_text", "hash_text")
    sortable_by = ("position",)
    look_ups = (numbers("pk", "record"),)
    searched_by = "position, record id"

    @cell("hash")
    def hash_text(self, request: HttpRequest, row: AuditLink) -> str:
        """Return the link's hash in hexadecimal digits."""
        return bytes(row.hash).hex()

    @cell("hash before it")
    def previous_text(self, request: HttpRequest, row: AuditLink) -> str:
        """Return the hash that it continues."""
        return bytes(row.previous).hex()


def _name_of_download(form: str) -> str:
    return f"accounts_auditrecord_export_{form}"


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return lines(value)
    return NOTHING if value is None or value == "" else str(value)
