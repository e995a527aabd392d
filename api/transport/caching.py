"""Which of Django's answers others may keep: those that are marked as public, and no other.

The middleware gives the rest ``Cache-Control: no-store``; a view that nobody thought about is
private. The edge and the compatible API go by their tables of routes.
"""

import functools
from collections.abc import Callable
from typing import Any

from django.http import HttpResponse


def mark_public(response: HttpResponse) -> None:
    """Note that an answer holds nothing of its caller."""
    response.is_public = True  # type: ignore[attr-defined]


def is_public(response: HttpResponse) -> bool:
    """Tell whether an answer was marked as public and is a success."""
    return bool(getattr(response, "is_public", False)) and response.status_code == 200


def public(view: Callable[..., Any]) -> Callable[..., Any]:
    """Return a view whose answers are marked as public."""

    @functools.wraps(view)
    def marked(*args: Any, **kwargs: Any) -> Any:
        response = view(*args, **kwargs)
        mark_public(response)
        return response

    return marked
