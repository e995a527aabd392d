"""Operators' pages of groups, and of what operators did.

Only superusers change groups: whoever could change one could give its members, and so themselves,
every right. The record of acts is to look at.
"""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.http import HttpRequest

from accounts.access.operators import operator_of
from accounts.models import AuditRecord
from accounts.services import save_group
from zavora.admin_base import ReadOnlyAdmin, ServiceAddMixin, ServiceChangeMixin


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
    text_search = ("name",)
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


@admin.register(AuditRecord)
class AuditRecordAdmin(ReadOnlyAdmin):
    """What operators did; written with the effect, never changed."""

    list_display = (
        "created_at",
        "act",
        "subject",
        "actor_name",
        "reason",
        "outcome",
        "address",
        "request_id",
    )
    list_filter = ("act", "actor_kind")
    integer_search = ("pk", "user_id")
    text_search = ("subject", "request_id")

    @admin.display(description="outcome")
    def outcome(self, row: AuditRecord) -> str:
        """Return what came of an act that another process carries out."""
        return str(row.details.get("outcome", ""))
