"""Operators' forms: each is a form over a service, which checks rights and does the work.

What moves money asks again before it does: the question names what will happen to whom, with the
form filled in behind it. What a service refuses is shown at the fields that it names.
"""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Final

from django import forms
from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from zavora.foundation.errors import ZavoraError
from zavora.foundation.forms import show_error

# The field that says that the question was seen, and the button that leads back to the form.
CONFIRMED: Final = "confirmed"
BACK: Final = "back"
# The field that says that an action's form was seen.
ANSWERED: Final = "answered"
# The field that says which page of the site to go back to when an action is done.
BACK_TO: Final = "back_to"
# Rows that one action with a form is for.
ROWS_OF_AN_ACTION_MAX: Final = 100
REASON_LENGTH_MAX: Final = 200
# What a question says: names and texts, one below the other.
Facts = Sequence[tuple[str, str]]


class ReasonForm(forms.Form):
    """Asks why, last of all. The actor carries it, so services are not given it with the data."""

    reason = forms.CharField(
        max_length=REASON_LENGTH_MAX, help_text="Stands in the record of this for good."
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"] = self.fields.pop("reason")

    def clean(self) -> dict[str, Any]:
        """Return the data for a service."""
        super().clean()
        return {name: value for name, value in self.cleaned_data.items() if name != "reason"}


class ServiceAddMixin:
    """An "add" page that is a form over a service. Set ``add_service_form``; write ``add_by``."""

    add_service_form: ClassVar[type[forms.Form]]
    add_title: ClassVar[str]
    # Fields that a link may fill in: whom it is about, never how much or why.
    prefilled: ClassVar[tuple[str, ...]] = ()

    def question(self, request: HttpRequest, data: dict[str, Any]) -> Facts:
        """Return what to show before the service is called; empty: nothing is asked.

        Raises what the service would, as far as it can be known.
        """
        return ()

    def add_by(self, request: HttpRequest, data: dict[str, Any]) -> Model:
        """Call the service with the form's data and return the row it made."""
        raise NotImplementedError

    def tell_added(self, row: Model) -> str:
        """Return what to tell of the row that the service made."""
        model_admin: Any = self
        return f"{model_admin.opts.verbose_name.capitalize()} added: {row}"

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
            return self.tell_added(row)

        given = {name: request.GET[name] for name in self.prefilled if name in request.GET}
        form = self.add_service_form(request.POST or None, initial=given)
        return service_form_page(
            model_admin,
            request,
            form,
            title=self.add_title,
            done=done,
            question=lambda data: self.question(request, data),
        )


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
        return service_form_page(
            model_admin,
            request,
            form,
            title=str(row),
            done=done,
            see_also=model_admin.related_links(request, row),
        )


def service_form_page(
    model_admin: Any,
    request: HttpRequest,
    form: forms.Form,
    *,
    title: str,
    done: Callable[[dict[str, Any]], str],
    question: Callable[[dict[str, Any]], Facts] | None = None,
    see_also: str = "",
) -> HttpResponse:
    """Show a form; where it is valid call ``done``, tell what it returns and go to the list.

    With a ``question`` the page asks it first, unless the request says that it was answered.
    """
    opts = model_admin.opts
    facts: Facts = ()
    if request.method == "POST" and BACK not in request.POST and form.is_valid():
        try:
            if question is not None and CONFIRMED not in request.POST:
                facts = question(form.cleaned_data)
            if not facts:
                message = done(form.cleaned_data)
                messages.success(request, message)
                return redirect(reverse(f"admin:{opts.app_label}_{opts.model_name}_changelist"))
        except ZavoraError as error:
            show_error(form, error, say=str)
    context = {
        **model_admin.admin_site.each_context(request),
        "title": title,
        "form": form,
        "opts": opts,
        "media": model_admin.media + form.media,
        "see_also": see_also,
        "facts": facts,
        # Widgets of the form, all hidden: the question carries what was typed.
        "answers": [field.as_hidden() for field in form] if facts else [],
    }
    template = "admin/service_question.html" if facts else "admin/service_form.html"
    return TemplateResponse(request, template, context)


def for_each(
    model_admin: Any,
    request: HttpRequest,
    rows: QuerySet[Any],
    service: Callable[[Any], object],
    *,
    done: str,
) -> HttpResponse | None:
    """Ask why; then call a service for each row of an action, and tell what came of it."""

    def act(row: Any, _data: dict[str, Any]) -> str:
        service(row)
        return done

    return ask_before(
        model_admin, request, list(rows[: ROWS_OF_AN_ACTION_MAX + 1]), ReasonForm,
        title=title_of_action(model_admin, request), facts=no_facts, act=act,
    )  # fmt: skip


def way_back(request: HttpRequest) -> str:
    """Return the page of the site that a form came from and wants to go back to; else nothing."""
    wanted = request.POST.get(BACK_TO, "")
    is_ours = url_has_allowed_host_and_scheme(wanted, allowed_hosts=None)
    return wanted if is_ours and wanted.startswith(reverse("admin:index")) else ""


def no_facts(_row: Any) -> Facts:
    """Return what to tell of a row besides its name: nothing."""
    return ()


def title_of_action(model_admin: Any, request: HttpRequest) -> str:
    """Return what an operator chose from the list of actions."""
    return str(dict(model_admin.get_action_choices(request))[request.POST["action"]])


def ask_before(
    model_admin: Any,
    request: HttpRequest,
    rows: Sequence[Model],
    form_class: type[forms.Form],
    *,
    title: str,
    facts: Callable[[Any], Facts],
    act: Callable[[Any, dict[str, Any]], str],
) -> HttpResponse | None:
    """Show what an action is about to do to each row, with a form; where it is answered, ``act``.

    ``act`` gets a row and the form's data and returns what to tell; refusals are told as well.
    """
    if len(rows) > ROWS_OF_AN_ACTION_MAX:
        messages.error(request, f"Select at most {ROWS_OF_AN_ACTION_MAX} rows.")
        return None
    form = form_class(request.POST if ANSWERED in request.POST else None)
    if form.is_valid():
        for row in rows:
            try:
                told = act(row, form.cleaned_data)
            except ZavoraError as error:
                messages.error(request, f"{row}: {error}")
            else:
                model_admin.log_change(request, row, told)
                messages.success(request, f"{row}: {told}")
        return None
    return action_page(model_admin, request, rows, form, title=title, facts=facts)


def action_page(
    model_admin: Any,
    request: HttpRequest,
    rows: Sequence[Model],
    form: forms.Form,
    *,
    title: str,
    facts: Callable[[Any], Facts],
) -> HttpResponse:
    """Return the page that asks what an action's form asks, row by row what it is about."""
    context = {
        **model_admin.admin_site.each_context(request),
        "title": title,
        "form": form,
        "opts": model_admin.opts,
        "media": model_admin.media + form.media,
        "action": request.POST.get("action", ""),
        "back_to": way_back(request),
        "rows": [(row, facts(row)) for row in rows],
    }
    return TemplateResponse(request, "admin/service_action.html", context)
