"""What a page holds and takes in: no markup that the policy refuses, and no more than its bound."""

import re

import httpx
import pytest

from tests.exchange import Exchange

# What a content policy without 'unsafe-inline' refuses. JSON in a script element is no script.
INLINE = re.compile(
    r"<style|\sstyle\s*=|\son[a-z]+\s*=|javascript:"
    r"|<script(?![^>]*\ssrc=)(?![^>]*application/json)",
    re.IGNORECASE,
)
PAGES = (
    *("/", "/login", "/signup", "/admin/login/", "/api/docs"),
    *("/account/password/a/b", "/nothing"),
)
BODY_MAX = 1_048_576
FORM = 'autocomplete="new-password"'


@pytest.mark.parametrize("path", PAGES)
def test_a_page_holds_nothing_that_its_policy_refuses(exchange: Exchange, path: str) -> None:
    answer = httpx.get(f"{exchange.base_url}{path}", follow_redirects=True)

    assert "unsafe" not in answer.headers["content-security-policy"]
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "same-origin"
    assert answer.headers["x-frame-options"] == "DENY"
    for feature in ("camera", "geolocation", "microphone"):
        assert f"{feature}=()" in answer.headers["permissions-policy"]
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert INLINE.findall(answer.text) == []


def test_what_is_inline_is_seen() -> None:
    for text in ("<script>", '<p style="x">', "<style>", '<a onclick="x()">', "<script async>"):
        assert INLINE.search(text), text
    assert not INLINE.search('<script type="application/json" id="a">{}</script><script src="a">')


def test_a_form_takes_in_no_more_than_its_bound(exchange: Exchange) -> None:
    with httpx.Client(base_url=exchange.base_url, timeout=30) as client:
        client.get("/signup")
        form = {"email": "a@example.com", "csrfmiddlewaretoken": client.cookies["csrftoken"]}

        large = client.post("/signup", data={**form, "password": "x" * BODY_MAX})
        file = client.post("/signup", data=form, files={"file": b"x" * BODY_MAX})
        fields = client.post("/signup", data={**form, **{f"f{n}": "" for n in range(1_100)}})
        files = client.post("/signup", data=form, files=[("file", b"x")] * 110)
        usual = client.post("/signup", data=form, files={"file": b"x" * 1_000})

    assert [large.status_code, file.status_code] == [413, 413]
    assert [fields.status_code, files.status_code, usual.status_code] == [400, 400, 400]
    # The last one was read, and its form is shown again: it has no password.
    shows_form = [FORM in answer.text for answer in (large, file, fields, files, usual)]
    assert shows_form == [False, False, False, False, True]
