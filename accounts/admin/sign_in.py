"""Operators' pages of how people get in: their addresses, second factors and sessions, to look at.

They take the place of allauth's own, at which an operator could change anything by hand, and which
show what is secret: the key of a session is the session.
"""

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib import admin

from accounts.admin.look_ups import of_account, of_owner
from zavora.foundation.admin.base import ReadOnlyAdmin
from zavora.foundation.admin.search import numbers

for _model in (EmailAddress, Authenticator, UserSession):
    admin.site.unregister(_model)


@admin.register(EmailAddress)
class EmailAddressAdmin(ReadOnlyAdmin):
    """Addresses, and whether mail to them has been shown to reach their owners."""

    list_display = ("id", "user", "email", "verified")
    list_select_related = ("user",)
    sortable_by = ("id",)
    look_ups = (numbers("pk"), of_owner("user"), of_account("user__accounts"))
    searched_by = "e-mail or how it begins, id, account id"


@admin.register(Authenticator)
class AuthenticatorAdmin(ReadOnlyAdmin):
    """Second factors, without what proves them."""

    list_display = ("id", "user", "type", "created_at", "last_used_at")
    list_filter = ("type",)
    list_select_related = ("user",)
    sortable_by = ("id",)
    exclude = ("data",)
    look_ups = (numbers("pk"), of_owner("user"), of_account("user__accounts"))
    searched_by = "owner's e-mail or how it begins, id, account id"


@admin.register(UserSession)
class UserSessionAdmin(ReadOnlyAdmin):
    """Where people are logged in, without the keys of their sessions."""

    list_display = ("id", "user", "ip", "user_agent", "created_at")
    list_select_related = ("user",)
    sortable_by = ("id",)
    exclude = ("session_key", "data")
    look_ups = (numbers("pk"), of_owner("user"), of_account("user__accounts"))
    searched_by = "owner's e-mail or how it begins, id, account id"
