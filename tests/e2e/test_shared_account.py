"""An account is shared: from the invitation's mail to what the member sees, and may not do."""

import re
from collections.abc import Callable

from playwright.sync_api import expect

from tests.e2e.accessibility import CROSSED, violations_in
from tests.e2e.test_signing_in import mails_to
from tests.e2e.trader import PHONE, Trader
from tests.exchange import Exchange, wait_until

NewVisitor = Callable[..., Trader]


def link_to(exchange: Exchange, email: str, page: str) -> str:
    """Return the newest page of a kind that a mail to an address leads to."""

    def found() -> list[str]:
        return re.findall(rf"(/{page}/\S+)", "".join(mails_to(exchange, email)))

    return str(wait_until(found, timeout_s=10, what=f"the mail with {page}")[-1])


def fold_out(person: Trader, name: str) -> None:
    card = person.page.get_by_role("region", name=name)
    card.locator("summary", has_text="Members").focus()
    person.page.keyboard.press("Enter")


def test_from_the_mail_to_the_balance_and_out_again(
    visitor: NewVisitor, exchange: Exchange
) -> None:
    owner, guest = visitor().sign_up(), visitor().sign_up()
    owner.deposit("EUR", "1234.5")
    page = owner.page
    page.goto("/account")
    fold_out(owner, "Main")
    form = page.locator("details.more form", has=page.get_by_role("button", name="Invite"))
    form.get_by_label("E-mail address").fill("nonsense")
    form.get_by_role("button", name="Invite").click()
    expect(form.get_by_label("E-mail address")).to_have_attribute("aria-invalid", "true")
    form.get_by_label("E-mail address").fill(guest.email)
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text(f"on its way to {guest.email}")
    expect(page.get_by_text("invited as a viewer")).to_be_visible()

    invitation = link_to(exchange, guest.email, "account/invitations")
    guest.page.goto(invitation)
    expect(guest.page.locator("main")).to_contain_text("Confirm your e-mail address first")
    guest.page.goto(link_to(exchange, guest.email, "login/mail"))
    guest.page.get_by_role("button", name="Confirm").click()
    guest.page.goto(invitation)
    expect(guest.page.locator("main")).to_contain_text(owner.email)
    found = violations_in(guest.page, CROSSED[0])
    guest.page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    assert guest.overflow_px() == 0
    guest.page.get_by_role("button", name="Accept").click()
    expect(guest.page.get_by_role("status")).to_contain_text("You are a viewer of the account now.")
    shared = guest.page.locator(".card", has_text=f"{owner.email} shares this account with you:")
    expect(shared).to_contain_text("1,234.50")
    assert guest.overflow_px() == 0
    found += violations_in(guest.page, CROSSED[1])
    see_and_do_nothing(guest, owner)

    page.goto("/account")
    fold_out(owner, "Main")
    page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    assert owner.overflow_px() == 0
    found += violations_in(page, CROSSED[1])
    assert found == []
    page.get_by_label(f"Role of {guest.email}", exact=True).select_option("trader")
    page.get_by_role("button", name=f"Change the role of {guest.email}").click()
    expect(page.get_by_role("status")).to_contain_text(f"{guest.email} is a trader now.")
    guest.page.reload()
    expect(guest.page.locator("#order-submit")).to_be_enabled()
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name=f"Remove {guest.email}").click()
    expect(page.get_by_role("status")).to_contain_text("The member is removed")
    guest.page.goto("/account")
    expect(guest.page.locator("main")).not_to_contain_text(owner.email)


def see_and_do_nothing(guest: Trader, owner: Trader) -> None:
    """Look at the trading page as a viewer of the owner's account."""
    page = guest.page
    page.set_viewport_size({"width": 1440, "height": 900})
    guest.open()
    select = page.locator("#account-select")
    expect(select).to_be_visible()
    select.select_option(label=f"Main (Viewer, of {owner.email})")
    expect(page.locator("#order-lock")).to_contain_text("You are a viewer of this account.")
    expect(page.locator("#order-submit")).to_be_disabled()
    expect(page.locator("#quantity")).to_be_disabled()
    expect(page.locator("#available")).to_contain_text("1,234.5")
    expect(page.locator("#cancel-all")).to_be_hidden()
    expect(page.locator(".activity-bar [data-faucet]")).to_be_hidden()
