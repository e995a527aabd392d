"""What our admin pages share: tables that may be huge, rows that nobody edits, forms over services.

An operator changes things through the same services as everybody; what a service refuses is shown
as a message. Nothing here writes a row.
"""

import uuid
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Model, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.functional import cached_property

from zavora.errors import ValidationFailed, ZavoraError

# More rows than a person pages through; counting stops here.
COUNT_MAX = 10_000
BIGINT_MAX = 2**63 - 1


class BoundedPaginator(Paginator):
    """Counts to a limit only: COUNT(*) of a table that grows for ever takes for ever, too."""

    @cached_property
    def count(self) -> int:
        """Return the number of rows, at most ``COUNT_MAX``."""
        rows = self.object_list
        if isinstance(rows, QuerySet):
            return rows.order_by()[:COUNT_MAX].count()
        return min(COUNT_MAX, len(rows))


class BoundedAdmin(admin.ModelAdmin):
    """Pages of a table of any size, newest first, searched by exact values that have an index.

    ``exact_search`` names look-ups; a term counts for those whose type it fits. Dates are ISO.
    """

    paginator = BoundedPaginator
    show_full_result_count = False
    list_per_page = 50
    list_max_show_all = 200
    ordering: ClassVar[Any] = ("-pk",)
    integer_search: ClassVar[tuple[str, ...]] = ()
    uuid_search: ClassVar[tuple[str, ...]] = ()
    text_search: ClassVar[tuple[str, ...]] = ()

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        """Return what makes the search box appear."""
        return (*self.integer_search, *self.uuid_search, *self.text_search)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Return rows where a look-up equals the term."""
        term = search_term.strip()
        if not term:
            return queryset, False
        found = Q(pk__in=[])
        if term.isascii() and term.isdigit() and int(term) <= BIGINT_MAX:
            for name in self.integer_search:
                found |= Q(**{name: int(term)})
        try:
            identifier = uuid.UUID(term)
        except ValueError:
            pass
        else:
            for name in self.uuid_search:
                found |= Q(**{name: identifier})
        for name in self.text_search:
            found |= Q(**{name: term})
        return queryset.filter(found), False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nothing is deleted by hand."""
        return False


class ReadOnlyAdmin(BoundedAdmin):
    """Rows to look at: nobody adds or changes them by hand, whatever their rights."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody; the view permission lets people look."""
        return False


class ServiceAddMixin:
    """An "add" page that is a form over a service. Set ``add_service_form``; write ``add_by``."""

    add_service_form: ClassVar[type[forms.Form]]
    add_title: ClassVar[str]

    def add_by(self, request: HttpRequest, data: dict[str, Any]) -> Model:
        """Call the service with the form's data and return the row it made."""
        raise NotImplementedError

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show the form; outside of any transaction, as services begin their own."""
        model_admin: Any = self
        if not model_admin.has_add_permission(request):
            raise PermissionDenied

        def done(data: dict[str, Any]) -> str:
            row = self.add_by(request, data)
            model_admin.log_addition(request, row, [{"added": {}}])
            return f"{model_admin.opts.verbose_name.capitalize()} added: {row}"

        form = self.add_service_form(request.POST or None)
        return service_form_page(model_admin, request, form, title=self.add_title, done=done)


class ServiceChangeMixin:
    """A "change" page that is a form over a service for those who may; others only look.

    Write ``may_change``, ``change_form`` and ``change_by``.
    """

    def may_change(self, request: HttpRequest) -> bool:
        """Return whether this operator gets the form."""
        raise NotImplementedError

    def change_form(self, data: Any, row: Any) -> forms.Form:
        """Return the form about a row, bound where there is data."""
        raise NotImplementedError

    def change_by(self, request: HttpRequest, row: Any, data: dict[str, Any]) -> str:
        """Call the service with the form's data and return what to tell the operator."""
        raise NotImplementedError

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show the form, or the page to look at; outside of any transaction."""
        model_admin: Any = self
        if not (self.may_change(request) or model_admin.has_view_permission(request)):
            raise PermissionDenied
        row = model_admin.get_object(request, unquote(object_id))
        if row is None:
            raise Http404
        if not self.may_change(request):
            looked_at: Any = super()
            page: HttpResponse = looked_at.change_view(request, object_id, form_url, extra_context)
            return page

        def done(data: dict[str, Any]) -> str:
            message = self.change_by(request, row, data)
            model_admin.log_change(request, row, message)
            return message

        form = self.change_form(request.POST or None, row)
        return service_form_page(model_admin, request, form, title=str(row), done=done)


def service_form_page(
    model_admin: Any,
    request: HttpRequest,
    form: forms.Form,
    *,
    title: str,
    done: Callable[[dict[str, Any]], str],
) -> HttpResponse:
    """Show a form; where it is valid call ``done``, tell what it returns and go to the list."""
    opts = model_admin.opts
    if request.method == "POST" and form.is_valid():
        try:
            message = done(form.cleaned_data)
        except ZavoraError as error:
            show_refusal(form, error)
        else:
            messages.success(request, message)
            return redirect(reverse(f"admin:{opts.app_label}_{opts.model_name}_changelist"))
    context = {
        **model_admin.admin_site.each_context(request),
        "title": title,
        "form": form,
        "opts": opts,
        "media": model_admin.media + form.media,
    }
    return TemplateResponse(request, "admin/service_form.html", context)


def show_refusal(form: forms.Form, error: ZavoraError) -> None:
    """Put a refusal at the fields that it names, else above the form."""
    # Only there do details tell what each field should have been.
    expected = error.details if isinstance(error, ValidationFailed) else {}
    named = [name for name in expected if name in form.fields]
    for name in named:
        form.add_error(name, str(error.details[name]))
    if not named:
        details = "".join(f"; {name}: {what}" for name, what in expected.items())
        form.add_error(None, f"{error}{details}")


def for_each(
    model_admin: Any,
    request: HttpRequest,
    rows: Iterable[Model],
    service: Callable[[Any], object],
    *,
    done: str,
) -> None:
    """Call a service for each row of an action; tell what was done and what was refused."""
    changed = 0
    for row in rows:
        try:
            service(row)
        except ZavoraError as error:
            messages.error(request, f"{row}: {error}")
        else:
            model_admin.log_change(request, row, done)
            changed += 1
    if changed:
        messages.success(request, f"{changed} {done}.")
