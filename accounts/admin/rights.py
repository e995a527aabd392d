"""Operators' pages of groups, and of the record of acts.

Only superusers change groups: whoever could change one could give its members, and so themselves,
every right. The record of acts is to look at.
"""

from collections.abc import Iterator
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.db.models import Q
from django.http import HttpRequest

from accounts.access.actor import ActorKind
from accounts.access.page_actors import operator_of
from accounts.admin.look_ups import records_of
from accounts.audit import ACTS
from accounts.models import AuditRecord, User
from accounts.services import save_group
from zavora.foundation.admin.base import ReadOnlyAdmin, Related, cell, filter_by
from zavora.foundation.admin.cells import link, link_to, search_link
from zavora.foundation.admin.forms import ServiceAddMixin, ServiceChangeMixin
from zavora.foundation.admin.search import Branch, numbers, parts, texts


def members_groups(term: str) -> Iterator[Branch]:
    """Find the groups of the user of this address."""
    if "@" in term:
        yield Branch(Q(user__email=term.lower()))


class PermissionsField(forms.ModelMultipleChoiceField):
    """Any number of Django's permissions."""

    def __init__(self) -> None:
        rows = Permission.objects.select_related("content_type")
        super().__init__(
            rows.order_by("content_type__app_label", "content_type__model", "codename"),
            required=False,
            widget=forms.SelectMultiple(attrs={"size": 16}),
        )


class GroupForm(forms.Form):
    """A group and what its members may do."""

    name = forms.CharField(max_length=150)
    permissions = PermissionsField()


admin.site.unregister(Group)


@admin.register(Group)
class GroupAdmin(ServiceAddMixin, ServiceChangeMixin, ReadOnlyAdmin):
    """Groups of operators. One that is not needed any more is emptied."""

    add_service_form = GroupForm
    add_title = "Add group"
    list_display = ("name",)
    look_ups = (numbers("pk"), parts("name"), members_groups)
    searched_by = "name or a part of it, a member's e-mail"
    related = (Related("accounts.auditrecord", lambda group: f"group:{group.pk}"),)
    ordering = ("name",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Only superusers give rights."""
        return operator_of(request).may_everything

    def add_by(self, request: HttpRequest, data: dict[str, Any]) -> Group:
        """Make the group."""
        return save_group(by=operator_of(request), **data)

    def may_change(self, request: HttpRequest) -> bool:
        """Only superusers give rights."""
        return operator_of(request).may_everything

    def change_form(self, data: Any, row: Group) -> forms.Form:
        """Return the form of a group."""
        return GroupForm(data, initial={"name": row.name, "permissions": row.permissions.all()})

    def change_by(self, request: HttpRequest, row: Group, data: dict[str, Any]) -> str:
        """Save the group."""
        save_group(by=operator_of(request), group_id=row.pk, **data)
        return f"{row}: saved"


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
        "act",
        "about",
        "actor",
        "reason",
        "outcome",
        "address",
        "request_id",
    )
    list_filter = (filter_by("act", ACTS), filter_by("actor_kind", ActorKind))
    fields = (
        "id",
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
        "details",
        "request_id",
    )
    look_ups = (numbers("pk", "user_id"), records_of, texts("request_id"))
    searched_by = (
        "e-mail (by whom, and to whom), user id (by whom), account id, subject, request id, asset,"
        " market"
    )

    @cell("about")
    def about(self, request: HttpRequest, row: AuditRecord) -> str:
        """Return a link to what it was done to, or to the list that finds it."""
        kind, _, name = row.subject.partition(":")
        if kind in ("user", "group", "report") and name.isdigit():
            return link_to(request, SUBJECTS[kind], name)
        if kind in SUBJECTS:
            return search_link(request, SUBJECTS[kind], name, f"{kind} {name}") or row.subject
        return row.subject

    @cell("by")
    def actor(self, request: HttpRequest, row: AuditRecord) -> str:
        """Return who did it."""
        if row.user_id is None:
            return f"{row.actor_kind} {row.actor_name}"
        return link(request, User, row.user_id, row.actor_name)

    @admin.display(description="outcome")
    def outcome(self, row: AuditRecord) -> str:
        """Return what came of an act that another process carries out."""
        return str(row.details.get("outcome", ""))
