"""Scratch."""
import os
from tests.e2e.test_alerts import _trade
OUT = "/tmp/alerts-shots"
os.makedirs(OUT, exist_ok=True)
def test_shots(exchange, visitor):
    for size in ((1440, 900), (1024, 768), (390, 844)):
        person, other = visitor(size=size).sign_up(), visitor().sign_up()
        page = person.page
        person.deposit("EUR", "10000")
        other.deposit("BTC", "1")
        _trade(person, other, "1000")
        _trade(person, other, "1002")
        for theme in ("dark", "light"):
            page.evaluate("(t) => document.documentElement.dataset.theme = t", theme)
            page.wait_for_timeout(300)
            tag = f"{size[0]}-{theme}"
            page.locator("#bell-open").click()
            d = page.get_by_role("dialog", name="Notices and alerts")
            d.get_by_label("Tell me at").fill("1005" if theme == "dark" else "1010")
            d.get_by_label("Tell me at").press("Enter")
            page.wait_for_timeout(600)
            page.screenshot(path=f"{OUT}/bell-{tag}.png")
            page.keyboard.press("Escape")
            page.wait_for_timeout(400)
            page.screenshot(path=f"{OUT}/page-{tag}.png")
            print(tag, person.overflow_px())
            page.locator("#settings-open").click()
            page.wait_for_timeout(300)
            page.locator(".settings").evaluate("e => e.scrollTop = 9999")
            page.screenshot(path=f"{OUT}/settings-{tag}.png")
            page.keyboard.press("Escape")
        _trade(person, other, "1006")
        page.wait_for_timeout(1200)
        page.screenshot(path=f"{OUT}/told-{size[0]}.png")
        for theme in ("dark", "light"):
            page.goto("/account/alerts")
            page.evaluate("(t) => document.documentElement.dataset.theme = t", theme)
            page.screenshot(path=f"{OUT}/alerts-{size[0]}-{theme}.png", full_page=True)
            print(size, person.overflow_px())
