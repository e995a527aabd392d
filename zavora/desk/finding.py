"""Find a customer by anything: one box, asked of every list that knows what belongs to people.

Each list looks the term up as its own search does, by index, and gives its newest few.
"""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from django.apps import apps
from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse

from zavora.foundation.admin.sections import Section, section_of

TERM_LENGTH_MAX: Final = 200
# Lists in which a term may stand for somebody, the nearest to a person first.
LISTS: Final = (
    "accounts.user",
    "accounts.account",
    "accounts.apikey",
    "matching.order",
    "matching.trade",
    "accounts.withdrawal",
    "accounts.deposit",
    "accounts.transfer",
    "accounts.withdrawaladdress",
    "accounts.ledgertransaction",
)
TAKEN: Final = (
    "e-mail or how it begins, user id, account id, order id, client order id, trade id,"
    " withdrawal id, address, transaction or external reference, an API key's name or label"
)
# Entries of a ledger transaction whose accounts are looked at.
ENTRIES_MAX: Final = 8


class Customer(NamedTuple):
    """Somebody who was found, and where their page is; empty for who may not look at people."""

    email: str
    address: str


def find(request: HttpRequest) -> HttpResponse:
    """Show what a term finds; where it is somebody's whole address, their page."""
    term = request.GET.get("q", "").strip()[:TERM_LENGTH_MAX]
    sections = list(_sections(request, term)) if term else []
    customers = _customers(request, sections)
    named = next((one for one in customers if one.email == term.lower() and one.address), None)
    if named is not None:
        return redirect(named.address)
    context = {
        **admin.site.each_context(request),
        "title": f"Found for “{term}”" if term else "Find a customer",
        "term": term,
        "taken": TAKEN,
        "sections": sections,
        "customers": customers,
    }
    return TemplateResponse(request, "admin/found.html", context)


def _sections(request: HttpRequest, term: str) -> Iterator[Section]:
    for label in LISTS:
        section = section_of(request, label, term)
        if section is not None and section.rows:
            # What is done to rows is done at the customer's page, or in the list.
            yield section._replace(choices=[])


def _customers(request: HttpRequest, sections: list[Section]) -> list[Customer]:
    """Return whose rows were found, each person once, in the order of the lists."""
    people = {
        person.pk: person
        for section in sections
        for found in section.rows
        for person in _owners(found.row)
    }
    may_look = admin.site._registry[apps.get_model("accounts.user")].has_view_permission(request)
    return [
        Customer(str(person), reverse("admin:customer", args=(pk,)) if may_look else "")
        for pk, person in people.items()
    ]


def _owners(row: Any) -> Iterator[Any]:
    """Yield the people whom a row belongs to."""
    if isinstance(row, apps.get_model("accounts.user")):
        yield row
    if (owner := getattr(row, "owner", None)) is not None:
        yield owner
    for account in _accounts(row):
        if account.owner is not None:
            yield account.owner


def _accounts(row: Any) -> Iterator[Any]:
    for name in ("account", "from_account", "to_account", "taker_account", "maker_account"):
        if isinstance(account := getattr(row, name, None), Model):
            yield account
    if isinstance(row, apps.get_model("accounts.ledgertransaction")):
        entries = row.entries.select_related("account__owner").order_by("pk")[:ENTRIES_MAX]
        yield from (entry.account for entry in entries)
