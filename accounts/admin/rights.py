"""Operators' pages of groups.

Only superusers change groups: whoever could change one could give its members, and so themselves,
every right.
"""

from collections.abc import Iterator
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.db.models import Q
from django.http import HttpRequest

from accounts.access.page_actors import operator_of
from accounts.services import save_group
from zavora.foundation.admin.base import ReadOnlyAdmin, Related
from zavora.foundation.admin.forms import ReasonForm, ServiceAddMixin, ServiceChangeMixin
from zavora.foundation.admin.search import Branch, numbers, parts


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


class GroupForm(ReasonForm):
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
