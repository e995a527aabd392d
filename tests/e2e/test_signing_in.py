"""Signing in by everything there is, as a browser does it: passkeys, codes, sessions, mail."""

import re
import time
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, expect
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.e2e.accessibility import CROSSED, GLANCES, violations_at_a_glance, violations_in
from tests.e2e.trader import PHONE, Trader
from tests.exchange import Exchange, wait_until
from tests.factors import code_of

NewVisitor = Callable[..., Trader]
# Chromium's own: a device that knows its owner, in memory. WebAuthn asks for a host with a name.
DEVICE = {
    "protocol": "ctap2", "transport": "internal", "hasResidentKey": True,
    "hasUserVerification": True, "isUserVerified": True, "automaticPresenceSimulation": True,
}  # fmt: skip


def with_device(page: Page) -> Any:
    """Give a page's browser a device that makes and keeps passkeys."""
    link = page.context.new_cdp_session(page)
    link.send("WebAuthn.enable")
    link.send("WebAuthn.addVirtualAuthenticator", {"options": DEVICE})
    return link


def press(page: Page, name: str) -> None:
    page.locator("main").get_by_role("button", name=name, exact=True).click()


def enter(page: Page, code: str) -> None:
    page.get_by_label("Code", exact=True).fill(code)
    press(page, "Go on")


def add_app(page: Page) -> tuple[str, list[str]]:
    """Add an authenticator app; return its secret and the recovery codes."""
    page.get_by_role("link", name="Add an app").click()
    secret = page.locator("#app-secret").inner_text()
    page.get_by_label("Code", exact=True).fill(code_of(secret, steps=-1))
    press(page, "Add the app")
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    return secret, page.locator("#codes li").all_inner_texts()


def mails_to(exchange: Exchange, email: str) -> list[str]:
    """Return what the console of the web process shows of mails to an address."""
    return [text for text in exchange.log("web").split("-" * 79) if f"To: {email}" in text]


def code_at_the_end(socket: ClientConnection) -> int | None:
    """Return the code that a socket is closed with, once it is."""
    try:
        while True:
            socket.recv(timeout=10)
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd is not None else None


def test_a_passkey_stands_in_for_the_password_and_follows_it(
    visitor: NewVisitor,
) -> None:
    person = visitor(host="localhost")
    page = person.page
    with_device(page)
    person.sign_up()
    page.goto("/account/security")
    page.get_by_role("link", name="Add a passkey").click()
    page.get_by_label("Name").fill("My phone")
    press(page, "Add the passkey")
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    page.goto("/account/security")
    expect(page.get_by_text("My phone")).to_be_visible()
    assert violations_in(page, CROSSED[0]) == []

    # Instead of address and password.
    person.log_out()
    page.goto("/login?next=/account")
    press(page, "Use a passkey")
    expect(page.get_by_role("heading", name="Account", exact=True)).to_be_visible()

    # After the password.
    person.log_out()
    person.log_in()
    expect(page.get_by_role("heading", name="One more step")).to_be_visible()
    assert person.account_id() is None
    assert violations_in(page, CROSSED[0]) == []
    press(page, "Use a passkey")
    person.wait_until_live()
    expect(page.locator(".user-email")).to_have_text(person.email)


def test_a_passkey_that_is_not_known_here_lets_nobody_in(
    visitor: NewVisitor,
) -> None:
    person = visitor(host="localhost")
    page = person.page
    link = with_device(page)
    person.sign_up()
    page.goto("/account/security/passkey")
    press(page, "Add the passkey")
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto("/account/security")
    page.get_by_role("button", name=re.compile("Take away")).click()
    expect(page.get_by_text("taken away")).to_be_visible()

    person.log_out()
    page.goto("/login")
    press(page, "Use a passkey")
    expect(page.get_by_text("could not be used")).to_be_visible()
    assert person.account_id() is None
    link.detach()


def test_codes_of_an_app_and_recovery_codes(visitor: NewVisitor) -> None:
    person = visitor().sign_up()
    page = person.page
    page.goto("/account/security")
    secret, codes = add_app(page)
    assert len(codes) == 10
    assert violations_in(page, CROSSED[0]) == []

    person.log_out()
    person.log_in()
    expect(page.get_by_role("heading", name="One more step")).to_be_visible()
    enter(page, "000000")
    expect(page.get_by_text("not right")).to_be_visible()
    enter(page, code_of(secret))
    person.wait_until_live()

    person.log_out()
    for is_good in (True, False):
        person.log_in()
        enter(page, codes[0])
        if is_good:
            person.wait_until_live()
            person.log_out()
    expect(page.get_by_text("not right")).to_be_visible()
    assert person.account_id() is None


def test_a_session_that_is_ended_ends_within_a_second_everywhere(
    visitor: NewVisitor, exchange: Exchange
) -> None:
    here = visitor().sign_up()
    there = visitor()
    there.email = here.email
    there.log_in()
    there.wait_until_live()
    cookie = "; ".join(f"{one['name']}={one['value']}" for one in there.context.cookies())
    headers = {"Cookie": cookie, "Origin": exchange.base_url}
    with connect(f"{exchange.ws_url}/ws", additional_headers=headers) as socket:
        socket.send('{"method": "authenticate", "id": "1"}')
        assert "accounts" in str(socket.recv(timeout=10))
        page = here.page
        page.goto("/account/security")
        press(page, "End")
        expect(page.get_by_text("The session is ended.")).to_be_visible()
        ended_at = time.monotonic()
        assert code_at_the_end(socket) == 4001
        assert time.monotonic() - ended_at < 1
        wait_until(lambda: there.account_id() is None, timeout_s=1, what="the end on REST")
    expect(here.page.locator(".user-email")).to_have_text(here.email)
    assert here.account_id() is not None


def test_a_log_in_on_a_new_device_is_told_by_mail(visitor: NewVisitor, exchange: Exchange) -> None:
    first = visitor().sign_up()
    second = visitor()
    second.email = first.email
    second.log_in()
    second.wait_until_live()

    def told() -> list[str]:
        return [text for text in mails_to(exchange, first.email) if "new device" in text]

    wait_until(told, timeout_s=10, what="the mail")
    assert len(told()) == 1
    assert "127.0.0.1" in told()[0]


def test_pages_of_signing_in_are_accessible_and_fit_a_phone(visitor: NewVisitor) -> None:
    person = visitor(size=PHONE)
    found = []

    def look(*paths: str) -> None:
        for number, path in enumerate(paths):
            person.page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
            person.page.goto(path)
            assert person.overflow_px() == 0, path
            found.extend(violations_at_a_glance(person.page, GLANCES[number % len(GLANCES)]))

    look("/login", "/login/mail", "/login/mail/x", "/login/forgotten", "/login/email/x")
    person.sign_up()
    of_a_person = ("security", "security/app", "security/passkey", "password", "confirm")
    look(*(f"/account/{path}" for path in ("email", "data", "delete")))
    look(*(f"/account/{path}" for path in of_a_person))
    assert found == []
