"""The content policy: nothing that stands in a page runs or paints, but for what it names."""

import base64
import hashlib
import re

import pytest

from zavora.pages.middleware import CHART_STYLE, POLICY
from zavora.runner.home import PROJECT_DIR

BUILT = PROJECT_DIR / "static/build/app.js"
WRITTEN = re.compile(r"createElement\(\"style\"\),?[\w.]*\.innerText=\"([^\"]*)\"")


def test_the_policy_lets_nothing_inline_through() -> None:
    assert "unsafe" not in POLICY
    directives = dict(part.strip().split(" ", 1) for part in POLICY.split(";"))
    assert directives["default-src"] == directives["script-src"] == "'self'"
    assert directives["style-src"] == f"'self' '{CHART_STYLE}'"
    assert directives["frame-ancestors"] == directives["object-src"] == "'none'"


def test_the_one_style_that_it_names_is_the_chart_librarys() -> None:
    if not BUILT.is_file():
        pytest.skip("the page is not built here: make build")
    written = set(WRITTEN.findall(BUILT.read_text()))
    assert len(written) == 1
    digest = hashlib.sha256(written.pop().encode()).digest()
    assert f"sha256-{base64.b64encode(digest).decode()}" == CHART_STYLE
