"""Every text of every page, the operators' too, through texts that no field means: no 500."""

from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from accounts.models import User
from accounts.services import create_account, ensure_user
from tests.actors import SYSTEM
from tests.admin_walk import Browser
from tests.texts import TEXTS

pytestmark = pytest.mark.django_db
# What a page may say: a form that is refused, a list, a way elsewhere, nothing at this address.
STATUSES = {200, 302, 400, 403, 404, 405, 429}
PAGES = {
    "signup": ("email", "password", "next"),
    "login": ("email", "password", "next"),
    "keys": ("label", "kind", "scopes", "account", "ip", "expires_at", "public_key", "before"),
    "faucet_deposit": ("account", "asset", "amount", "key"),
    "request_withdrawal": ("account", "asset", "amount", "address", "key"),
    "addresses": ("account", "asset", "address", "label"),
}
OURS = ("accounts", "matching", "marketdata")


@pytest.fixture
def person() -> Client:
    user = ensure_user(by=SYSTEM, email="reader@example.com")
    create_account(by=SYSTEM, owner_id=user.pk, label="One")
    return browser_of(user)


@pytest.fixture
def operator() -> Client:
    return browser_of(
        ensure_user(by=SYSTEM, email="op@example.com", is_staff=True, is_superuser=True)
    )


def browser_of(user: User) -> Client:
    """Return a browser that keeps nothing of an answer, which costs more than most pages here."""
    browser = Browser()
    browser.force_login(user)
    return browser


def unreadable(text: str) -> bool:
    return len(text) > 4_096 or any(ord(letter) < 32 and letter not in "\t\r\n" for letter in text)


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("text", TEXTS, ids=ascii)
def test_forms(person: Client, page: str, text: str) -> None:
    if page in ("signup", "login"):
        person.logout()
    before = User.objects.count()
    for name in PAGES[page]:
        # Forms whose every other field is right are the pages' own tests.
        for method in (person.get, person.post):
            response = method(reverse(page), {name: text})
            assert response.status_code in STATUSES, (page, name, response.content[:300])
            if unreadable(text):
                assert response.status_code == 400
    assert User.objects.count() == before


def admin_pages() -> list[tuple[str, Any]]:
    models = [model for app in OURS for model in apps.get_app_config(app).get_models()]
    return [
        (f"admin:{model._meta.app_label}_{model._meta.model_name}", admin.site._registry[model])
        for model in models
    ]


READABLE = tuple(text for text in TEXTS if not unreadable(text))


@pytest.mark.parametrize("text", TEXTS, ids=ascii)
def test_lists_of_the_operators(operator: Client, text: str) -> None:
    """A text that comes as far as a list is looked for in all; the rest goes round the lists.

    What is filled into the forms is tried below, each text in each field.
    """
    for number, (name, page) in enumerate(admin_pages()):
        filters = [
            one if isinstance(one, str) else getattr(one, "parameter_name", None) or one[0]
            for one in page.list_filter
        ]
        looked = ["q", "o", "p", "e", "pk", "id", *filters, *(f"{one}__exact" for one in filters)]
        is_its_turn = text not in READABLE or number % len(READABLE) == READABLE.index(text)
        if not is_its_turn:
            looked = ["q"]
        for field in looked:
            response = operator.get(reverse(f"{name}_changelist"), {field: text})
            assert response.status_code in STATUSES, (name, field, response.content[:300])
            if unreadable(text):
                assert response.status_code == 400
        for place in ("add", "changelist") if is_its_turn else ():
            sent = {"action": text, "_selected_action": text, "email": text}
            response = operator.post(reverse(f"{name}_{place}"), sent)
            assert response.status_code in STATUSES, (name, place)


@pytest.mark.parametrize("text", ["\x00", "²", "٣", "9" * 40, "😀", "a/b", "%00"], ids=ascii)
def test_addresses_of_the_operators(operator: Client, text: str) -> None:
    for name, _ in admin_pages():
        for place in ("change", "history"):
            response = operator.get(reverse(f"{name}_{place}", args=[text]))
            assert response.status_code in STATUSES, (name, place)


def test_forms_of_the_operators(operator: Client, client: Client) -> None:
    walked = 0
    client.force_login(User.objects.get(email="op@example.com"))
    for name, _ in admin_pages():
        context = client.get(reverse(f"{name}_add")).context or {}
        form = context.get("form") or getattr(context.get("adminform"), "form", None)
        # Each field looks at its own text, whatever the others are told.
        fields = list(form.fields) if form is not None else []
        for text in TEXTS if fields else ():
            response = operator.post(reverse(f"{name}_add"), dict.fromkeys(fields, text))
            assert response.status_code in STATUSES, (name, text[:9])
        walked += len(fields)
    assert walked > 10
