"""Preferences through the API: read by any credential, written at a browser session, by version."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.exchange import Exchange
from tests.signed_up import signed_up

PATH = "/api/v1/preferences"


@pytest.fixture(scope="module")
def browser(exchange: Exchange) -> Iterator[httpx.Client]:
    """Somebody who signed up and logged in."""
    with signed_up(exchange, "chooser@example.com") as http:
        yield http


def refused(answer: httpx.Response, status: int) -> Any:
    assert answer.status_code == status, answer.text
    return answer.json()["error"]


def test_what_was_chosen_is_kept_by_version_and_read_with_a_token(browser: httpx.Client) -> None:
    first = browser.get(PATH)
    assert first.headers["cache-control"] == "no-store"
    nothing = first.json()["data"]
    assert (nothing["version"], nothing["updated_at"]) == (0, None)
    assert nothing["document"]["layout"]["preset"] == "swing"

    chosen = {**nothing["document"], "favourites": ["BTC/EUR"]}
    chosen["layout"] = {"preset": "scalp", "hidden": ["markets"], "sizes": {"side": 512}}
    kept = browser.put(PATH, json={"version": 0, "document": chosen}).json()["data"]
    assert kept["version"] == 1
    assert kept["document"]["layout"]["sizes"]["side"] == 512
    assert browser.get(PATH).json()["data"] == kept

    error = refused(browser.put(PATH, json={"version": 0, "document": {}}), 409)
    assert (error["code"], error["details"]) == ("conflict", {"version": 1})

    token = browser.post("/api/v1/keys", json={"scopes": ["read", "trade"]}).json()["data"]
    headers = {"Authorization": f"Bearer {token['secret']}"}
    with httpx.Client(base_url=browser.base_url, headers=headers, timeout=30) as bot:
        assert bot.get(PATH).json()["data"] == kept
        assert refused(bot.put(PATH, json={"document": {}}), 403)["code"] == "forbidden"
    assert browser.get(PATH).json()["data"] == kept


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "document"),
        ({"document": []}, "document"),
        ({"document": {"odd": 1}}, "odd"),
        ({"document": {"layout": {"sizes": {"side": 1.5}}}}, "layout.sizes.side"),
        ({"document": {"layout": {"sizes": {"side": 10**40}}}}, "layout.sizes.side"),
        ({"document": {"theme": 1}}, "theme"),
        ({"document": {}, "version": -1}, "version"),
        ({"document": {}, "version": "new"}, "version"),
        ({"document": {}, "more": 1}, "more"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_kept(
    browser: httpx.Client, body: Any, field: str
) -> None:
    before = browser.get(PATH).json()
    error = refused(browser.put(PATH, json=body), 422)
    assert (error["code"], list(error["details"])) == ("validation_error", [field])
    assert browser.get(PATH).json() == before
