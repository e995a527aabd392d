"""What stands in a cell of an operators' page: figures in their own scale, links, tables.

A figure carries the asset it is of; a link is one only for whoever may look at what it leads to.
"""

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

from django.apps import apps
from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from zavora.foundation.money import NotExact, scale_of, text_for_people

NOTHING: Final = "-"


class Unit(NamedTuple):
    """What a figure is of, and with how many decimals; ``is_price``: with all of them."""

    scale: int
    code: str
    is_price: bool = False


UnitOf = Callable[[Any], Unit]


def unit_of_asset(row: Any) -> Unit:
    """Return the unit of whatever is an amount of the row's asset."""
    return Unit(row.asset.scale, row.asset.code)


def figure(value: Decimal | None, unit: Unit) -> str:
    """Return an amount as the customers' pages write it, and its asset."""
    if value is None:
        return NOTHING
    scale = unit.scale
    try:
        # A figure that does not fit is shown as it is: it is what an operator should see.
        scale = max(scale, scale_of(value))
    except NotExact:
        return f"{value} {unit.code}"
    text = text_for_people(value, scale, decimals_min=unit.scale if unit.is_price else 2)
    return f"{text} {unit.code}".rstrip()


def figure_cell(value: Decimal | None, unit: Unit) -> SafeString:
    """Return an amount that never breaks, so that figures stand one below the other."""
    return format_html('<span class="figure">{}</span>', figure(value, unit))


def link(request: HttpRequest, model: type[Model], pk: Any, text: str) -> SafeString:
    """Return a link to a row's page, or its text for those who may not look at it."""
    model_admin = admin.site._registry.get(model)
    if model_admin is None or not model_admin.has_view_permission(request):
        return format_html("{}", text)
    address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=(pk,))
    return format_html('<a href="{}">{}</a>', address, text)


def link_to(request: HttpRequest, label: str, pk: Any, text: str = "") -> SafeString:
    """Return a link to a row of the model ``label`` ("matching.trade"), with what the row is."""
    model = apps.get_model(label)
    return link(request, model, pk, text or f"{model._meta.verbose_name} {pk}")


def search_link(request: HttpRequest, label: str, term: str, text: str = "") -> SafeString:
    """Return a link to a list that is searched for ``term``; empty for who may not see the list.

    ``label`` names the model ("matching.order"): lists of other apps are linked to, too.
    """
    address = list_address(request, label, q=term)
    name = text or str(apps.get_model(label)._meta.verbose_name_plural)
    return format_html('<a href="{}">{}</a>', address, name) if address else SafeString("")


def list_address(request: HttpRequest, label: str, **query: str) -> str:
    """Return the address of a list, filtered by ``query``; empty for who may not see the list."""
    model = apps.get_model(label)
    model_admin = admin.site._registry.get(model)
    if model_admin is None or not model_admin.has_view_permission(request):
        return ""
    opts = model._meta
    address = reverse(f"admin:{opts.app_label}_{opts.model_name}_changelist")
    return f"{address}?{urlencode(query)}" if query else address


def lines(parts: Iterable[Any]) -> SafeString:
    """Return parts one below the other; empty ones are left out."""
    return format_html_join("", '<div class="line">{}</div>', ((part,) for part in parts if part))


def in_a_row(parts: Iterable[Any]) -> SafeString:
    """Return parts beside each other; empty ones are left out."""
    return format_html_join(SafeString(" &middot; "), "{}", ((part,) for part in parts if part))


def table(headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> SafeString:
    """Return a table for a page of one row."""
    head = format_html_join("", '<th scope="col">{}</th>', ((text,) for text in headings))
    body = format_html_join(
        "",
        "<tr>{}</tr>",
        ((format_html_join("", "<td>{}</td>", ((cell,) for cell in row)),) for row in rows),
    )
    return format_html(
        # A box that scrolls must be reached by keyboard, whether or not there is a link in it.
        '<div class="box" tabindex="0"><table><thead><tr>{}</tr></thead>'
        "<tbody>{}</tbody></table></div>",
        head,
        body,
    )
