"""Operators' pages of notes; they are written at the person (``accounts.admin.people``)."""

from django.contrib import admin

from accounts.admin.look_ups import of_account, of_owner
from accounts.models import Note
from zavora.foundation.admin.base import ReadOnlyAdmin
from zavora.foundation.admin.search import numbers


@admin.register(Note)
class NoteAdmin(ReadOnlyAdmin):
    """What operators wrote about people."""

    list_display = ("id", "user", "text", "author", "created_at")
    list_select_related = ("user", "author")
    look_ups = (numbers("pk"), of_owner("user"), of_account("user__accounts"))
    searched_by = "the person's e-mail or how it begins, note id, account id"
