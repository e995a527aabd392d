"""The shapes of what people keep of the trading page, as the OpenAPI document says them."""

from typing import Annotated, Final

from msgspec import Meta, Struct

from accounts.people.page_preferences import (
    NamedLayout,
    PageChoices,
    PageLayout,
    PageSizes,
    PageSounds,
    PageWarning,
    PageWarnings,
)
from api.v1.openapi.kinds import Time


class Preferences(Struct):
    """What the caller chose of the trading page; each write adds one to the version."""

    version: Annotated[int, Meta(description="0: nothing was chosen yet.", ge=0)]
    document: PageChoices
    updated_at: Time | None


class PreferencesIn(Struct):
    """What to keep instead; what the document leaves out is as it is at first."""

    document: PageChoices
    version: Annotated[int | None, Meta(description="The version that was read.")] = None


SHAPES: Final[tuple[type[Struct], ...]] = (
    PageWarning,
    PageWarnings,
    PageSizes,
    PageLayout,
    NamedLayout,
    PageSounds,
    PageChoices,
    Preferences,
    PreferencesIn,
)
