"""Operators' pages of people, their accounts and keys."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.access.actor import Permission
from accounts.access.page_actors import operator_of
from accounts.admin.look_ups import OF_AN_ACCOUNT, of_account, of_owner
from accounts.admin.person_acts import PersonActs
from accounts.admin.rights import PermissionsField
from accounts.models import Account, ApiKey, User
from accounts.people.selectors import find_user
from accounts.services import (
    LEVEL_MAX,
    NOTE_LENGTH_MAX,
    RESET_LINK_HOURS,
    add_note,
    create_account,
    create_user,
    make_reset_link,
    revoke_key,
    set_user_active,
    set_user_rights,
    set_verification_level,
)
from zavora.foundation.admin.base import ReadOnlyAdmin, Related, cell, cell_of
from zavora.foundation.admin.cells import NOTHING, lines, link
from zavora.foundation.admin.forms import (
    ANSWERED,
    ReasonForm,
    ServiceAddMixin,
    ServiceChangeMixin,
    action_page,
    ask_before,
    for_each,
    no_facts,
    title_of_action,
)
from zavora.foundation.admin.search import numbers, recent, texts, uuids
from zavora.foundation.errors import ValidationFailed, ZavoraError

# --- people --------------------------------------------------------------------------------------


class NewUserForm(ReasonForm):
    """A user made by an operator, who sets no password: a reset link lets the person do that."""

    email = forms.EmailField()
    is_staff = forms.BooleanField(required=False, help_text="May use these pages.")


class RightsForm(ReasonForm):
    """What a user may do."""

    is_staff = forms.BooleanField(required=False, help_text="May use these pages.")
    is_superuser = forms.BooleanField(required=False, help_text="May do everything.")
    groups = forms.ModelMultipleChoiceField(Group.objects.order_by("name"), required=False)
    permissions = PermissionsField()


class LevelForm(forms.Form):
    """How well the exchange knows a person, and why it says so."""

    level = forms.IntegerField(
        label="Verification level", min_value=0, max_value=LEVEL_MAX,
        help_text="Limits of withdrawals go by it.",
    )  # fmt: skip
    reason = forms.CharField(max_length=200, help_text="Stands in the record of this for good.")


class NoteForm(forms.Form):
    """A note is its own reason: the record of it begins as it does."""

    reason = forms.CharField(
        label="Note",
        max_length=NOTE_LENGTH_MAX,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="For everybody at the desk, and for good.",
    )


@admin.register(User)
class UserAdmin(PersonActs, ServiceAddMixin, ServiceChangeMixin, ReadOnlyAdmin):
    """People: superusers give rights here; nobody sets another person's password.

    Nobody deletes one either: erasing takes two and leaves what adds up.
    """

    add_service_form = NewUserForm
    add_title = "Add user"
    list_display = ("email", "id", "is_active", "is_staff", "is_superuser", "lists", "created_at")
    list_filter = ("is_active", "is_staff", "is_superuser")
    sortable_by = ("id", "email")
    look_ups = (numbers("pk"), of_owner(""), of_account("accounts"))
    searched_by = "e-mail or how it begins, user id, account id"
    related = (
        Related("accounts.account", lambda user: user.email),
        Related("mfa.authenticator", lambda user: user.email, "second factors"),
        Related("usersessions.usersession", lambda user: user.email, "sessions"),
        *(Related(label, lambda user: user.email, text) for label, text in OF_AN_ACCOUNT),
    )
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "email",
                    "id",
                    "is_active",
                    "verification_level",
                    "created_at",
                    "last_login",
                    "withdrawals_paused_until",
                    "erased_at",
                )
            },
        ),
        ("Rights", {"fields": ("is_staff", "is_superuser", "groups", "user_permissions")}),
    )
    actions = (
        "let_in",
        "shut_out",
        "make_link",
        "set_level",
        "write_note",
        "export_data",
        "reset_factors",
        "erase",
    )

    def as_cell(self, request: HttpRequest, row: User) -> SafeString:
        """Return the address, which may break before its domain."""
        name, _, domain = row.email.rpartition("@")
        return link(request, User, row.pk, format_html("{}<wbr>@{}", name, domain))

    @cell("lists")
    def lists(self, request: HttpRequest, user: User) -> str:
        """Return links to what belongs to the user."""
        return self.related_links(request, user)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return whether the operator may make users."""
        return request.user.has_perm(Permission.ADD_USER)

    def has_admit_permission(self, request: HttpRequest) -> bool:
        """Return whether the operator may let users in and shut them out."""
        return request.user.has_perm(Permission.CHANGE_USER)

    def has_link_permission(self, request: HttpRequest) -> bool:
        """Return whether the operator may make links to new passwords."""
        return request.user.has_perm(Permission.MAKE_RESET_LINK)

    def add_by(self, request: HttpRequest, data: dict[str, Any]) -> User:
        """Make the user; only a superuser makes staff."""
        return create_user(by=operator_of(request), **data)

    def may_change(self, request: HttpRequest) -> bool:
        """Only superusers give rights: whoever could give some could give them to themselves."""
        return operator_of(request).may_everything

    def change_form(self, data: Any, row: User) -> forms.Form:
        """Return the form of a user's rights."""
        rights = {
            "is_staff": row.is_staff,
            "is_superuser": row.is_superuser,
            "groups": row.groups.all(),
            "permissions": row.user_permissions.all(),
        }
        return RightsForm(data, initial=rights)

    def change_by(self, request: HttpRequest, row: User, data: dict[str, Any]) -> str:
        """Give the rights, and make every process forget the old ones."""
        set_user_rights(by=operator_of(request), user_id=row.pk, **data)
        return f"{row}: rights saved"

    @admin.action(description="Let the selected users in", permissions=["admit"])
    def let_in(self, request: HttpRequest, rows: QuerySet[User]) -> HttpResponse | None:
        """Activate users."""
        return self._set_active(request, rows, is_active=True, done="let in")

    @admin.action(
        description="Shut the selected users out (tokens and sessions, too)", permissions=["admit"]
    )
    def shut_out(self, request: HttpRequest, rows: QuerySet[User]) -> HttpResponse | None:
        """Deactivate users."""
        return self._set_active(request, rows, is_active=False, done="shut out")

    def _set_active(
        self, request: HttpRequest, rows: QuerySet[User], *, is_active: bool, done: str
    ) -> HttpResponse | None:
        by = operator_of(request)
        return for_each(
            self,
            request,
            rows,
            lambda user: set_user_active(by=by, user_id=user.pk, is_active=is_active),
            done=done,
        )

    @admin.action(
        description="Make a link by which the selected user sets a new password",
        permissions=["link"],
    )
    def make_link(self, request: HttpRequest, rows: QuerySet[User]) -> HttpResponse | None:
        """Show a link, this once, for the operator to hand over to its one user."""
        users = list(rows[:2])
        if len(users) != 1:
            messages.error(request, "Select one user: each gets a link of their own.")
            return None
        form = ReasonForm(request.POST if ANSWERED in request.POST else None)
        if not form.is_valid():
            title = title_of_action(self, request)
            return action_page(self, request, users, form, title=title, facts=no_facts)
        try:
            reference, token = make_reset_link(by=operator_of(request), user_id=users[0].pk)
        except ZavoraError as error:
            messages.error(request, f"{users[0]}: {error}")
            return None
        path = reverse("set_password", args=(reference, token))
        context = {
            **self.admin_site.each_context(request),
            "title": f"A new password for {users[0]}",
            "opts": self.opts,
            "link": request.build_absolute_uri(path),
            "hours": RESET_LINK_HOURS,
        }
        self.log_change(request, users[0], "link to a new password made")
        return TemplateResponse(request, "admin/reset_link.html", context)

    def has_level_permission(self, request: HttpRequest) -> bool:
        """Return whether the operator may say how well people are known."""
        return request.user.has_perm(Permission.CHANGE_LEVEL)

    @admin.action(description="Set the verification level…", permissions=["level"])
    def set_level(self, request: HttpRequest, rows: QuerySet[User]) -> HttpResponse | None:
        """Say how well people are known, with a reason."""
        by = operator_of(request)

        def act(user: User, data: dict[str, Any]) -> str:
            set_verification_level(by=by, user_id=user.pk, **data)
            return f"verification level {data['level']}"

        return ask_before(
            self, request, list(rows), LevelForm, title="Set the level", act=act,
            facts=lambda user: [("Level now", str(user.verification_level))],
        )  # fmt: skip

    def has_note_permission(self, request: HttpRequest) -> bool:
        """Return whether the operator may write notes."""
        return request.user.has_perm(Permission.ADD_NOTE)

    @admin.action(description="Write a note…", permissions=["note"])
    def write_note(self, request: HttpRequest, rows: QuerySet[User]) -> HttpResponse | None:
        """Write down what others at the desk should know."""
        by = operator_of(request)

        def act(user: User, _data: dict[str, Any]) -> str:
            add_note(by=by, user_id=user.pk, text=by.reason)
            return "noted"

        return ask_before(
            self, request, list(rows), NoteForm, title="Write a note", act=act, facts=no_facts
        )


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin):
    """Credentials; their owners make them, an operator can revoke them."""

    list_display = (
        "id",
        "owner",
        "label",
        "kind",
        "scopes",
        "account",
        "expires_at",
        "revoked_at",
        "created_at",
        "last_used_at",
        "last_used_from",
    )
    list_filter = ("kind",)
    list_select_related = ("owner", "account__owner")
    sortable_by = ("id",)
    exclude = ("secret", "lookup")
    readonly_fields = ("public_name",)
    # A bearer token's name is a digest of it, which nobody has at hand; a signing key's is public.
    look_ups = (
        numbers("pk"),
        of_owner("owner"),
        of_account("account"),
        texts("lookup"),
        recent("label"),
    )
    searched_by = "owner's e-mail or how it begins, id, account id, a signing key's name, label"
    actions = ("revoke",)

    @admin.display(description="name in requests")
    def public_name(self, key: ApiKey) -> str:
        """Return the name of a signing key; a bearer token has none."""
        return NOTHING if key.kind == ApiKey.Kind.BEARER else key.lookup

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        """Return whether the operator may revoke keys."""
        return request.user.has_perm(Permission.REVOKE_KEY)

    @admin.action(description="Revoke the selected keys", permissions=["revoke"])
    def revoke(self, request: HttpRequest, rows: QuerySet[ApiKey]) -> HttpResponse | None:
        """Make keys worthless."""
        by = operator_of(request)
        return for_each(
            self, request, rows, lambda key: revoke_key(by=by, key_id=key.pk), done="revoked"
        )


class NewAccountForm(ReasonForm):
    """An account opened by an operator."""

    email = forms.EmailField(label="Owner's e-mail address")
    label = forms.CharField(required=False, max_length=64)


@admin.register(Account)
class AccountAdmin(ServiceAddMixin, ReadOnlyAdmin):
    """Accounts. Matching adds fees, and freezing, as it cancels the open orders (``add_to``)."""

    add_service_form = NewAccountForm
    add_title = "Add account"
    list_display = ("public_id", "owner", "label", "kind", "status", "lists", "created_at")
    list_filter = ("kind", "status", "is_demo")
    list_select_related = ("owner",)
    readonly_fields = ("public_id",)
    look_ups = (numbers("pk"), uuids("public_id"), of_owner("owner"), recent("label"))
    searched_by = "owner's e-mail or how it begins, account id, number, label"
    related = tuple(
        Related(label, lambda account: str(account.public_id), text)
        for label, text in OF_AN_ACCOUNT
    )

    def as_cell(self, request: HttpRequest, row: Account) -> SafeString:
        """Return whose account it is, and under that which."""
        owner = cell_of(request, row.owner) if row.owner else ""
        name = f"{row.label or row.get_kind_display()} {str(row.public_id)[:8]}"
        return lines([owner, link(request, Account, row.pk, name)])

    @cell("lists")
    def lists(self, request: HttpRequest, account: Account) -> str:
        """Return links to what belongs to the account."""
        return self.related_links(request, account)

    def has_freeze_permission(self, request: HttpRequest) -> bool:
        """Return whether the operator may freeze accounts."""
        return request.user.has_perm(Permission.CHANGE_ACCOUNT)

    def has_fees_permission(self, request: HttpRequest) -> bool:
        """Return whether the operator may change fees."""
        return request.user.has_perm(Permission.CHANGE_FEES)

    def has_cancel_orders_permission(self, request: HttpRequest) -> bool:
        """Return whether the operator may cancel the orders of others."""
        return request.user.has_perm(Permission.CANCEL_ORDERS)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return whether the operator may open accounts."""
        return request.user.has_perm(Permission.ADD_ACCOUNT)

    def add_by(self, request: HttpRequest, data: dict[str, Any]) -> Account:
        """Open the account."""
        user = find_user(data["email"])
        if user is None:
            raise ValidationFailed("no such user", email="expected a user's address")
        return create_account(by=operator_of(request), owner_id=user.pk, label=data["label"])
