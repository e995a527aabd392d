"""What our admin pages share: tables that may be huge, rows that nobody edits, links between them.

An operator changes things through the same services as everybody
(``zavora.foundation.admin.forms``). Nothing here writes a row.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple

from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import FieldDoesNotExist
from django.core.paginator import Paginator
from django.db.models import DecimalField, Field, ForeignKey, Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.functional import cached_property
from django.utils.safestring import SafeString
from django.utils.text import capfirst

from zavora.foundation.admin.cells import NOTHING, UnitOf, figure_cell, in_a_row, link, search_link
from zavora.foundation.admin.forms import way_back
from zavora.foundation.admin.search import LookUp, search

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin
else:
    from unfold.admin import ModelAdmin  # the same one to the checker: it declares no types

# More rows than a person pages through; counting stops here.
COUNT_MAX: Final = 10_000


class BoundedPaginator(Paginator):
    """Counts to a limit only: COUNT(*) of a table that grows for ever takes for ever, too."""

    @cached_property
    def count(self) -> int:
        """Return the number of rows, at most ``COUNT_MAX``."""
        rows = self.object_list
        if isinstance(rows, QuerySet):
            return rows.order_by()[:COUNT_MAX].count()
        return min(COUNT_MAX, len(rows))


class BoundedChangeList(ChangeList):
    """A list that goes by its own name and is sorted by what has an index, and by nothing else."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.title = capfirst(str(self.opts.verbose_name_plural))

    def get_ordering_field(self, field_name: Any) -> Any:
        """Return the column to sort by; None where an address asks for one that would be slow."""
        name = getattr(field_name, "__name__", field_name)
        return (
            None if name not in (self.sortable_by or ()) else super().get_ordering_field(field_name)
        )


class Related(NamedTuple):
    """A list that has to do with a row: the model's label, and what to search it for."""

    label: str
    term: Callable[[Any], str]
    text: str = ""


class Additions(NamedTuple):
    """What an app above knows of a model's rows: lists and words come before the model's own."""

    actions: tuple[Callable[..., Any], ...] = ()
    related: tuple[Related, ...] = ()
    look_ups: tuple[LookUp, ...] = ()
    searched_by: tuple[str, ...] = ()
    # Shown on a row's own page: what it is called, and how it reads.
    fields: tuple[tuple[str, Callable[[Any], str]], ...] = ()


_additions: Final[dict[str, Additions]] = {}


def add_to(label: str, new: Additions) -> None:
    """Let the pages of a model ("accounts.account") offer what an app above its own knows of it.

    To be called where that app's pages are; the model's may be found before or after them.
    """
    known = additions_to(label)
    _additions[label] = Additions(
        actions=known.actions + new.actions,
        related=known.related + new.related,
        look_ups=known.look_ups + new.look_ups,
        searched_by=known.searched_by + new.searched_by,
        fields=known.fields + new.fields,
    )


def additions_to(label: str) -> Additions:
    """Return what apps above have added to the pages of a model."""
    return _additions.get(label, Additions())


class Shown:
    """A column or field of a page, made for one request, so that links can ask its rights."""

    def __init__(self, name: str, description: str, show: Callable[[Any], Any]) -> None:
        self.__name__ = name
        self.short_description = description
        self._show = show

    def __call__(self, row: Any) -> Any:
        """Return what the cell of a row holds."""
        return self._show(row)


def cell(description: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Mark a method ``(self, request, row)`` of an admin as a column or field of its pages."""

    def mark(method: Any) -> Any:
        method.short_description = description
        method.takes_request = True
        return method

    return mark


def filter_by(name: str, values: Iterable[str]) -> type[admin.SimpleListFilter]:
    """Return a filter of a column by values that are known.

    Django asks the table for the values of a column without choices, and so reads all of it.
    """
    choices = [(value, value) for value in values]

    class KnownValues(admin.SimpleListFilter):
        """A row has one of them."""

        title = name.replace("_", " ")
        parameter_name = name

        def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
            """Return what there is to choose from."""
            return choices

        def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
            """Return the rows that have what was chosen."""
            value = self.value()
            return queryset if value is None else queryset.filter(**{name: value})

    return KnownValues


class BoundedAdmin(ModelAdmin):
    """Pages of a table of any size, newest first, searched by what has an index.

    Columns and fields are named as ever. Decimals are shown in their unit (``units``, by field),
    what refers to a row as a link to it, methods that are marked as ``cell`` as they say.
    """

    paginator = BoundedPaginator
    # unfold's asks its scripts, which are not there.
    action_form = ActionForm
    change_list_template = "admin/bounded_list.html"
    show_full_result_count = False
    list_per_page = 50
    list_max_show_all = 200
    ordering: ClassVar[Any] = ("-pk",)
    sortable_by: ClassVar[Any] = ()
    look_ups: ClassVar[tuple[LookUp, ...]] = ()
    # What a search takes, as the page says it: "e-mail, account id".
    searched_by: ClassVar[str] = ""
    units: ClassVar[Mapping[str, UnitOf]] = {}
    related: ClassVar[tuple[Related, ...]] = ()
    # Rows go by their number everywhere: a link needs no look at the row itself.
    is_named_by_id: ClassVar[bool] = False

    # --- what apps above have added ---------------------------------------------------------------

    @property
    def added(self) -> Additions:
        """Return what other apps have added to these pages."""
        return additions_to(self.opts.label_lower)

    @property
    def all_look_ups(self) -> tuple[LookUp, ...]:
        """Return the look-ups of a search, those of apps above after the model's own."""
        return (*self.look_ups, *self.added.look_ups)

    def _get_base_actions(self) -> list[Any]:
        """Return the site's actions, the model's own and those of apps above."""
        own: list[Any] = super()._get_base_actions()  # type: ignore[misc]
        return [*own, *(self.get_action(action) for action in self.added.actions)]

    # --- searching --------------------------------------------------------------------------------

    @property
    def search_help_text(self) -> str:  # type: ignore[override]
        """Say what can be searched for."""
        return f"Searched by: {', '.join((*self.added.searched_by, self.searched_by))}."

    def get_search_fields(self, request: HttpRequest) -> Any:
        """Return what makes the search box appear."""
        return ("pk",) if self.all_look_ups else ()

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Return the rows that the term finds, in whatever way its spelling fits."""
        term = search_term.strip()
        if not term:
            return queryset, False
        found = search(queryset, self.all_look_ups, term)
        for note in found.notes:
            messages.warning(request, note)
        return found.rows, False

    # --- showing ----------------------------------------------------------------------------------

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> Any:
        """Return the class of the list."""
        return BoundedChangeList

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Show the list, or what an action shows; one that is done leads to where it came from."""
        answer: HttpResponse = super().changelist_view(request, extra_context)
        back = way_back(request) if answer.status_code == 302 else ""
        return redirect(back) if back else answer

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        """Return the columns; the first one leads to the row's own page, so it is no other link."""
        first, *others = self.list_display
        return [self._shown(request, first, is_first=True)] + [
            self._shown(request, name) for name in others
        ]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return the fields of a row's page, with links to what has to do with it at the end."""
        shown = [
            (heading, {**options, "fields": [self._shown(request, n) for n in options["fields"]]})
            for heading, options in super().get_fieldsets(request, obj)
        ]
        if obj is not None and self.added.fields:
            more = [Shown(name.replace(" ", "_"), name, show) for name, show in self.added.fields]
            shown.append((None, {"fields": more}))
        if obj is not None and (links := self.related_links(request, obj)):
            see = Shown("see_also", "See also", lambda _row: links)
            shown.append((None, {"fields": [see]}))
        return shown

    def _shown(self, request: HttpRequest, name: Any, *, is_first: bool = False) -> Any:
        """Return a name as it is where Django shows it well, else what shows it."""
        if not isinstance(name, str):
            return name
        method: Any = getattr(self, name, None)
        if getattr(method, "takes_request", False):
            return Shown(name, method.short_description, partial(method, request))
        try:
            field: Field[Any, Any] = self.opts.get_field(name)  # type: ignore[assignment]
        except FieldDoesNotExist:
            return name
        title = str(field.verbose_name)
        if isinstance(field, DecimalField):
            unit_of = self.units[name]
            return Shown(name, title, lambda row: figure_cell(getattr(row, name), unit_of(row)))
        if isinstance(field, ForeignKey) and not is_first:
            return Shown(name, title, partial(self._reference, request, field))
        return name

    @staticmethod
    def _reference(request: HttpRequest, field: "ForeignKey[Any, Any]", row: Any) -> Any:
        target = admin.site._registry.get(field.related_model)
        if isinstance(target, BoundedAdmin) and target.is_named_by_id:
            return target.as_cell_of_id(request, getattr(row, field.attname))
        return cell_of(request, getattr(row, field.name))

    def as_cell(self, request: HttpRequest, row: Any) -> SafeString:
        """Return how other pages show a row of this model."""
        return link(request, self.model, row.pk, str(row))

    def as_cell_of_id(self, request: HttpRequest, pk: Any) -> str:
        """Return how other pages show a row of which they have the number alone."""
        return NOTHING if pk is None else link(request, self.model, pk, str(pk))

    def related_links(self, request: HttpRequest, row: Any) -> SafeString:
        """Return links to the lists that have to do with a row, as far as somebody may look."""
        return in_a_row(
            search_link(request, one.label, term, one.text)
            for one in (*self.added.related, *self.related)
            if (term := one.term(row))
        )

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nothing is deleted by hand."""
        return False


def cell_of(request: HttpRequest, row: Model | None) -> str:
    """Return how a row of any model is shown on another one's page."""
    if row is None:
        return NOTHING
    target = admin.site._registry.get(type(row))
    return target.as_cell(request, row) if isinstance(target, BoundedAdmin) else str(row)


class ReadOnlyAdmin(BoundedAdmin):
    """Rows to look at: nobody adds or changes them by hand, whatever their rights."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody; the view permission lets people look."""
        return False
