"""What few orders ask for, as text: on the queue, in events and replies, in the tables and in v1.

The engine has the same as integers (``matching.engine.orders.Conditions``).
"""

from typing import Final

import msgspec

from matching.engine.orders import (
    Leg,
    SelfTradeMode,
    TriggerKind,
    TriggerReference,
    TriggerState,
)


class Conditions(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Conditions of an order; None stands where none are asked for.

    ``expires_us``: microseconds since 1970. ``trail_price`` is a distance. The last four are not
    asked for: they say how the order waits, when it entered the market (0: not yet), what it is in
    its list and which that is (0: none). A field is only ever added at the end, with a default.
    """

    self_trade: SelfTradeMode | None = None
    expires_us: int | None = None
    slides: bool = False
    display_quantity: str | None = None
    protection_price: str | None = None
    trigger: TriggerKind | None = None
    trigger_by: TriggerReference = "last"
    trigger_price: str | None = None
    trail_price: str | None = None
    trail_bps: int | None = None
    activation_price: str | None = None
    trigger_state: TriggerState = ""
    triggered_us: int = 0
    leg: Leg | None = None
    list_id: int = 0


# Their names as an order is placed with them.
ASKED: Final = Conditions.__struct_fields__[:11]
_UNASKED: Final = Conditions()


def asked_of(conditions: Conditions | None) -> dict[str, object]:
    """Return by name what conditions ask for, in the order of the fields."""
    if conditions is None:
        return {}
    return {
        name: value
        for name in ASKED
        if (value := getattr(conditions, name)) != getattr(_UNASKED, name)
    }
