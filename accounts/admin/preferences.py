"""Operators' pages of what people chose of the trading page, to look at."""

from django.contrib import admin

from accounts.admin.look_ups import of_account, of_owner
from accounts.models import Preferences
from zavora.foundation.admin.base import ReadOnlyAdmin
from zavora.foundation.admin.search import numbers


@admin.register(Preferences)
class PreferencesAdmin(ReadOnlyAdmin):
    """Layouts, favourites and the like; each person changes their own in the page."""

    list_display = ("user", "version", "updated_at")
    list_select_related = ("user",)
    look_ups = (numbers("pk"), of_owner("user"), of_account("user__accounts"))
    searched_by = "the person's e-mail or how it begins, user id, account id"
