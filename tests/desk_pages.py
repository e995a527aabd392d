"""Pages of the desk as tests read them."""

import re
from typing import Any


def content(page: Any) -> str:
    """Return the text of an answer; anything but a page is an error."""
    assert page.status_code == 200, page
    text: str = page.content.decode()
    return text


def words(page: Any) -> str:
    """Return the words of a page's content, without tags."""
    main = content(page).partition('<main id="content"')[2]
    return " ".join(re.sub(r"<[^>]+>", " ", main.replace("<wbr>", "")).split())
