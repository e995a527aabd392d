"""Parts of lists on a page of another thing: the newest rows that a term finds, and what to do.

A section has the columns, the rights and the actions of its model's own list, to which it leads.
"""

from collections.abc import Collection, Iterator
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

from django.apps import apps
from django.contrib import admin
from django.contrib.admin.utils import display_for_field, display_for_value, lookup_field
from django.db.models import ForeignKey, Model, Q
from django.http import HttpRequest
from django.utils.text import capfirst

from zavora.foundation.admin.base import BoundedAdmin
from zavora.foundation.admin.cells import NOTHING, link, list_address
from zavora.foundation.admin.search import newest

ROWS_MAX: Final = 8
# A column of links, for which the page itself is there.
LEFT_OUT: Final = ("lists",)


class Cell(NamedTuple):
    """What stands in a row, under which heading."""

    heading: str
    text: Any


class SectionRow(NamedTuple):
    """A row and its cells, the first of which leads to it."""

    row: Model
    cells: list[Cell]


class Section(NamedTuple):
    """The newest rows of a list. ``more``: the whole list; ``choices``: what to do to rows."""

    name: str
    title: str
    more: str
    rows: list[SectionRow]
    is_cut: bool
    actions_address: str
    choices: list[tuple[str, str]]

    @property
    def headings(self) -> list[str]:
        """Return the names of the columns."""
        return [cell.heading for cell in self.rows[0].cells] if self.rows else []


def section_of(
    request: HttpRequest,
    label: str,
    term: str,
    *,
    title: str = "",
    only: Q | None = None,
    left_out: Collection[str] = LEFT_OUT,
    rows_max: int = ROWS_MAX,
) -> Section | None:
    """Return the newest rows of a model ("matching.order") that a term finds; None: may not look.

    ``only`` narrows the list, by what an index knows. ``left_out``: columns that say nothing here.
    """
    model = apps.get_model(label)
    model_admin = admin.site._registry.get(model)
    if not isinstance(model_admin, BoundedAdmin) or not model_admin.has_view_permission(request):
        return None
    found = model_admin.get_queryset(request)
    if only is not None:
        found = found.filter(only)
    if isinstance(related := model_admin.get_list_select_related(request), (list, tuple)):
        found = found.select_related(*related)
    rows = newest(found, model_admin.all_look_ups, term, rows_max + 1)
    columns = [one for one in model_admin.get_list_display(request) if _name(one) not in left_out]
    return Section(
        name=label.replace(".", "-"),
        title=title or capfirst(str(model._meta.verbose_name_plural)),
        more=f"{list_address(request, label)}?{urlencode({'q': term})}",
        rows=[
            SectionRow(row, list(_cells(request, model_admin, columns, row)))
            for row in rows[:rows_max]
        ],
        is_cut=len(rows) > rows_max,
        actions_address=list_address(request, label),
        choices=actions_of(request, model_admin),
    )


def actions_of(request: HttpRequest, model_admin: BoundedAdmin) -> list[tuple[str, str]]:
    """Return the actions that an operator may take on rows of a list: name and words."""
    return [
        (str(name), str(words)) for name, words in model_admin.get_action_choices(request) if name
    ]


def _name(column: Any) -> str:
    return column if isinstance(column, str) else str(getattr(column, "__name__", ""))


def _cells(
    request: HttpRequest, model_admin: BoundedAdmin, columns: list[Any], row: Model
) -> Iterator[Cell]:
    """Yield a row's cells; the first is a link to the row's own page."""
    for number, column in enumerate(columns):
        field, attribute, value = lookup_field(column, row, model_admin)
        if field is None:
            heading = str(getattr(attribute, "short_description", _name(column)))
            text: Any = display_for_value(value, NOTHING, getattr(attribute, "boolean", False))
        elif isinstance(field, ForeignKey):
            heading, text = str(field.verbose_name), str(getattr(row, field.name) or NOTHING)
        else:
            heading, text = str(field.verbose_name), display_for_field(value, field, NOTHING)
        if number == 0 and "<a " not in str(text):
            text = link(request, type(row), row.pk, str(text))
        yield Cell(capfirst(heading), text)
