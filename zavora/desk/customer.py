"""One page a customer: what they have, did and were told, and what can be done about them.

Each part is the newest of a list, with its columns, rights and actions; the whole list is a link
away. Actions go through the lists' own forms, which ask why, and come back here.
"""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from django.apps import apps
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import urlencode

from matching.orders.selectors import OPEN_STATUSES
from zavora.foundation.admin.cells import NOTHING, list_address
from zavora.foundation.admin.sections import Section, actions_of, section_of

# Accounts for which there is a link to each form.
ACCOUNTS_WITH_FORMS_MAX: Final = 5
LISTS: Final = (
    ("accounts.note", "Notes"),
    ("accounts.account", "Accounts"),
    ("accounts.balance", "Balances"),
    ("matching.order", "Open orders"),
    ("matching.trade", "Fills"),
    ("accounts.ledgerentry", "Ledger"),
    ("accounts.withdrawal", "Withdrawals"),
    ("accounts.deposit", "Deposits"),
    ("accounts.transfer", "Transfers"),
    ("accounts.withdrawaladdress", "Addresses"),
    ("accounts.approval", "Approvals"),
    ("accounts.membership", "Members and shared accounts"),
    ("accounts.invitation", "Invitations"),
    ("usersessions.usersession", "Log-ins"),
    ("mfa.authenticator", "Second factors"),
    ("accounts.apikey", "Keys"),
    ("accounts.auditrecord", "Records"),
)
# Columns that would name the customer in each row.
LEFT_OUT: Final = ("lists", "owner", "user", "email")
# What the actions of the list of people are called at the page of one.
ACTS: Final = {
    "let_in": "Let in…",
    "shut_out": "Shut out…",
    "make_link": "Link to a new password…",
    "set_level": "Set the verification level…",
    "write_note": "Write a note…",
    "export_data": "File of all that is known…",
}
FORMS: Final = (
    ("accounts.ledgertransaction", "Adjust a balance"),
    ("accounts.deposit", "Credit a deposit"),
)


class Form(NamedTuple):
    """A link to a form about an account."""

    text: str
    address: str


def customer(request: HttpRequest, user_id: int) -> HttpResponse:
    """Show a person; for those who may look at people."""
    users: Any = admin.site._registry[apps.get_model("accounts.user")]
    if not users.has_view_permission(request):
        raise PermissionDenied
    person = users.get_queryset(request).filter(pk=user_id).first()
    if person is None:
        raise Http404
    context = {
        **admin.site.each_context(request),
        "title": person.email,
        "person": person,
        "facts": _facts(person),
        "rights_address": reverse(f"admin:{_name_of(users)}_change", args=(person.pk,)),
        "users_address": list_address(request, "accounts.user"),
        "choices": _acts(request, users, person),
        "forms": list(_forms(request, person)),
        "sections": list(_sections(request, person)),
    }
    return TemplateResponse(request, "admin/customer.html", context)


def _facts(person: Any) -> list[tuple[str, Any]]:
    return [
        ("User id", person.pk),
        ("State", _state_of(person)),
        ("Staff", "superuser" if person.is_superuser else "yes" if person.is_staff else "no"),
        ("Verification level", person.verification_level),
        ("Since", person.created_at),
        # Earlier log-ins, and those that were refused, are in the log.
        ("Last log-in", person.last_login or NOTHING),
        ("Withdrawals pause until", person.withdrawals_paused_until or NOTHING),
    ]


def _state_of(person: Any) -> str:
    if person.erased_at is not None:
        return "erased"
    return "let in" if person.is_active else "shut out"


def _acts(request: HttpRequest, users: Any, person: Any) -> list[tuple[str, str]]:
    """Return what may be done about a person, but for what is so already."""
    needless = "let_in" if person.is_active else "shut_out"
    return [
        (name, ACTS.get(name, words))
        for name, words in actions_of(request, users)
        if name != needless
    ]


def _forms(request: HttpRequest, person: Any) -> Iterator[Form]:
    accounts = list(person.accounts.order_by("pk")[:ACCOUNTS_WITH_FORMS_MAX])
    for label, text in FORMS:
        model = apps.get_model(label)
        if not admin.site._registry[model].has_add_permission(request):
            continue
        address = reverse(f"admin:{_name_of(admin.site._registry[model])}_add")
        for account in accounts:
            name = f"{text}: {account.label or account.kind}" if len(accounts) > 1 else text
            yield Form(name, f"{address}?{urlencode({'account': account.public_id})}")


def _name_of(model_admin: Any) -> str:
    """Return how the addresses of a model's pages begin."""
    return f"{model_admin.opts.app_label}_{model_admin.opts.model_name}"


def _sections(request: HttpRequest, person: Any) -> Iterator[Section]:
    for label, title in LISTS:
        only = _open_ones() if label == "matching.order" else None
        section = section_of(
            request, label, person.email, title=title, only=only, left_out=LEFT_OUT
        )
        if section is not None:
            yield section


def _open_ones() -> Q:
    """Return the condition that orders are open; with the markets an index knows it."""
    markets = apps.get_model("matching.market")._default_manager.values_list("pk", flat=True)
    return Q(status__in=OPEN_STATUSES, market_id__in=list(markets))
