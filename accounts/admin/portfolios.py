"""Operators' pages of what is counted of portfolios, to look at."""

from django.contrib import admin

from accounts.admin.look_ups import of_account, of_owner
from accounts.models import PortfolioBook, PortfolioPoint
from zavora.foundation.admin.base import ReadOnlyAdmin
from zavora.foundation.admin.search import numbers


@admin.register(PortfolioBook)
class PortfolioBookAdmin(ReadOnlyAdmin):
    """How far each person's portfolio is counted; ``rebuild_portfolios`` counts it anew."""

    list_display = ("owner", "currency", "position", "counted_until", "used_at")
    list_select_related = ("owner", "currency")
    look_ups = (numbers("pk"), of_owner("owner"), of_account("owner__accounts"))
    searched_by = "the person's e-mail or how it begins, a book's number, account id"


@admin.register(PortfolioPoint)
class PortfolioPointAdmin(ReadOnlyAdmin):
    """How accounts stood after hours that had entries."""

    list_display = ("account", "book", "hour")
    list_select_related = ("account", "book__owner")
    look_ups = (numbers("pk"), of_account("account"), of_owner("account__owner"))
    searched_by = "the owner's e-mail or how it begins, account id, a point's number"
