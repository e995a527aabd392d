"""Signing up, logging in and out, tokens and money, through the pages."""

from collections.abc import Callable

import httpx
from playwright.sync_api import expect

from tests.e2e.accessibility import violations
from tests.e2e.trader import PHONE, Trader
from tests.exchange import Exchange

NewVisitor = Callable[..., Trader]


def test_a_user_signs_up_logs_out_and_logs_in_again(visitor: NewVisitor) -> None:
    person = visitor().sign_up_by_hand()
    page = person.page
    expect(page.locator(".user-email")).to_have_text(person.email)

    person.log_out()
    expect(page.get_by_role("link", name="Log in").first).to_be_visible()
    person.log_in("not the password")
    expect(page.get_by_role("alert")).to_contain_text("Wrong e-mail address or password")
    person.log_in()

    person.wait_until_live()
    expect(page.locator(".user-email")).to_have_text(person.email)


def test_sign_up_names_every_field_that_is_wrong(visitor: NewVisitor) -> None:
    page = visitor().page
    page.goto("/signup")
    form = page.locator("main form")
    form.get_by_label("E-mail").fill("nobody")
    form.get_by_label("Password").fill("123")
    form.get_by_role("button", name="Sign up").click()

    email = page.get_by_label("E-mail")
    expect(email).to_have_attribute("aria-invalid", "true")
    expect(email).to_be_focused()
    expect(page.locator(".has-error").first).to_contain_text("valid email address")
    expect(page.locator(".has-error").nth(1)).to_contain_text("too short")


def test_a_password_can_be_looked_at_and_is_pasted(visitor: NewVisitor) -> None:
    page = visitor(size=PHONE).page
    page.goto("/login")
    password = page.get_by_label("Password", exact=True)
    expect(password).to_have_attribute("autocomplete", "current-password")
    password.evaluate(
        """(input) => {
            input.focus();
            document.execCommand("insertText", false, "correct horse battery");
        }"""
    )
    expect(password).to_have_value("correct horse battery")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(password).to_have_attribute("type", "text")
    expect(page.get_by_role("button", name="Hide")).to_be_focused()
    assert violations(page) == []
    page.keyboard.press("Enter")
    expect(password).to_have_attribute("type", "password")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_token_made_in_the_page_works_until_it_is_revoked(
    visitor: NewVisitor, exchange: Exchange
) -> None:
    person = visitor().sign_up()
    page = person.page
    page.goto("/account")
    page.get_by_role("link", name="Manage API keys").click()
    page.get_by_label("Name", exact=True).fill("my bot")
    page.get_by_role("button", name="Create key").click()
    token = page.locator("#new-token").inner_text()

    def status() -> int:
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.get(f"{exchange.base_url}/api/v1/accounts", headers=headers).status_code

    assert status() == 200
    page.reload()
    expect(page.locator("#new-token")).to_have_count(0)
    expect(page.locator(".key")).to_have_count(1)
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Revoke my bot").click()
    expect(page.get_by_role("status")).to_contain_text("revoked")
    assert status() == 401


def test_a_key_is_made_and_renamed_by_the_keyboard_alone(visitor: NewVisitor) -> None:
    page = visitor(size=PHONE).sign_up().page
    page.goto("/account/tokens")
    page.get_by_label("Name", exact=True).focus()
    page.keyboard.type("my signer")
    page.keyboard.press("Tab")
    page.keyboard.type("HMAC")
    page.get_by_label("withdraw").focus()
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Only from these addresses")).to_be_focused()
    expect(page.locator(".field-error")).to_contain_text("addresses")

    page.keyboard.type("192.0.2.7 2001:db8::1")
    page.keyboard.press("Enter")
    expect(page.locator("#new-key")).to_be_visible()
    expect(page.locator("#new-token")).to_be_visible()
    expect(page.locator(".key .facts")).to_contain_text("192.0.2.7, 2001:db8::1")

    page.get_by_role("group").locator("summary").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("my robot")
    page.keyboard.press("Enter")
    expect(page.locator(".key h3")).to_have_text("my robot")


def test_the_account_pages_fit_a_phone(visitor: NewVisitor) -> None:
    person = visitor(size=PHONE)
    for path in ("/login", "/signup"):
        person.page.goto(path)
        assert person.overflow_px() == 0, path
    person.sign_up()
    for path in ("/account", "/account/tokens"):
        person.page.goto(path)
        assert person.overflow_px() == 0, path
    person.page.get_by_label("Kind").select_option("hmac")
    person.page.get_by_role("button", name="Create key").click()
    expect(person.page.locator("#new-token")).to_be_visible()
    assert person.overflow_px() == 0


def test_a_report_is_asked_for_on_a_phone(visitor: NewVisitor) -> None:
    person = visitor().sign_up()
    page = person.page
    page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    page.goto("/account")
    page.get_by_role("link", name="Statements and reports").click()
    page.get_by_label("To (last day, UTC)").fill("2999-01-01")
    page.get_by_role("button", name="Make report").click()
    expect(page.locator(".field-error", has_text="60 seconds ago")).to_be_visible()
    assert violations(page) == []

    page.goto("/account/statements")
    page.get_by_role("button", name="Make report").click()
    expect(page.get_by_role("status")).to_contain_text("being made")
    expect(page.locator("#reports tbody tr")).to_have_count(1)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert violations(page) == []
