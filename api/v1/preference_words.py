"""How what somebody chose of the page reads in v1."""

from accounts.people.page_preferences import plain
from accounts.people.preferences import Kept
from api.v1.times import moment_text
from api.v1.words import Shape


def preferences(kept: Kept) -> Shape:
    """Return a Preferences."""
    return {
        "version": kept.version,
        "document": plain(kept.choices),
        "updated_at": moment_text(kept.updated_at) if kept.updated_at else None,
    }
