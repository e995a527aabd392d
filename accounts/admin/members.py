"""Operators' pages of who shares accounts: members and invitations, to look at."""

from django.contrib import admin
from django.http import HttpRequest

from accounts.admin.look_ups import ACCOUNT_WORDS, of_account, of_owner
from accounts.models import Invitation, Membership
from zavora.foundation.admin.base import ReadOnlyAdmin, cell
from zavora.foundation.admin.search import numbers, texts


@admin.register(Membership)
class MembershipAdmin(ReadOnlyAdmin):
    """Members; the account's owner lets them in and out. Those that were are in the records."""

    list_display = ("id", "account", "user", "role", "created_at")
    list_filter = ("role",)
    list_select_related = ("account__owner", "user")
    sortable_by = ("id",)
    look_ups = (numbers("pk"), of_owner("user"), of_account("account", "user__accounts"))
    searched_by = "owner's or member's e-mail, account id of either, id"


@admin.register(Invitation)
class InvitationAdmin(ReadOnlyAdmin):
    """Invitations and what became of them, without what the link says."""

    list_display = ("id", "account", "email", "role", "what_became", "created_at", "expires_at")
    list_filter = ("role",)
    list_select_related = ("account__owner", "made_by")
    sortable_by = ("id",)
    exclude = ("token_digest",)
    look_ups = (numbers("pk"), of_account("account"), texts("email"))
    searched_by = f"{ACCOUNT_WORDS}, the invited e-mail, id"

    @cell("state")
    def what_became(self, request: HttpRequest, row: Invitation) -> str:
        """Return what has become of it."""
        return row.state
