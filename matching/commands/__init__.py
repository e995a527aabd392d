"""Commands: one file a kind, and the table that the worker, the replay and the gateway run."""

from collections.abc import Callable, Sequence
from functools import reduce
from hashlib import blake2b
from operator import attrgetter, or_
from typing import Any, Final

import msgspec

from matching.commands.amend import AmendKind
from matching.commands.base import Kind, WireCommand
from matching.commands.cancel import CancelKind
from matching.commands.cancel_all import CancelAllKind
from matching.commands.configure import ConfigureKind
from matching.commands.due import DueKind
from matching.commands.move import AdoptKind, ReleaseKind
from matching.commands.phase import PhaseKind
from matching.commands.place import LegOrder, PlaceKind
from matching.commands.place_batch import PlaceOrdersKind
from matching.commands.place_list import PlaceListKind
from matching.commands.protect import ProtectKind, UnprotectKind
from matching.commands.replace import ReplaceKind
from matching.commands.switch import SwitchKind
from matching.conditions import asked_of
from matching.engine.orders import NOTHING_CARRIED

TABLE: Final[tuple[Kind[Any], ...]] = (
    PlaceKind(),
    CancelKind(),
    CancelAllKind(),
    AmendKind(),
    ConfigureKind(),
    PhaseKind(),
    SwitchKind(),
    DueKind(),
    PlaceListKind(),
    ProtectKind(),
    UnprotectKind(),
    ReplaceKind(),
    PlaceOrdersKind(),
    ReleaseKind(),
    AdoptKind(),
)
KINDS: Final[dict[type[WireCommand], Kind[Any]]] = {kind.wire: kind for kind in TABLE}
UNREADABLE: Final = "unreadable"  # the journal's name of what could not be decoded

encode: Final[Callable[[WireCommand], bytes]] = msgspec.msgpack.Encoder().encode
decode_command: Final[Callable[[bytes], WireCommand]] = msgspec.msgpack.Decoder(
    reduce(or_, KINDS)
).decode


def kind_of(command: WireCommand) -> Kind[Any]:
    """Return the kind of a command."""
    return KINDS[type(command)]


def parts_of(command: WireCommand | None) -> Sequence[WireCommand]:
    """Return the commands that a message consists of; none where it could not be decoded."""
    return () if command is None else KINDS[type(command)].parts(command)


def key_of(command: WireCommand | None) -> tuple[int, str] | None:
    """Return the account and the idempotency key of a command that came with one."""
    key = getattr(command, "key", None)
    return None if key is None else (command.account_id, key)  # type: ignore[union-attr]


# Conditions of a cancel never come with a key, and what a former version bound reads as before.
_NOT_ASKED_FOR: Final = frozenset(
    {
        "key",
        "deadline_ms",
        "cancel_name",
        "reason",
        "actor",
        "only_status",
        "replacement",
        "carried",
        "conditions",
        "trigger_price",
        "keeps_priority",
        "legs",
        "place",
    }
)


def _content_of(kind: type[msgspec.Struct]) -> Callable[[object], tuple[object, ...]]:
    """Return what reads the fields of a command that say what it asks for."""
    names = [name for name in kind.__struct_fields__ if name not in _NOT_ASKED_FOR]
    return attrgetter(*names)


_encode_content: Final = msgspec.msgpack.Encoder().encode
_leg_fields: Final = _content_of(LegOrder)
_CONTENTS: Final = {kind: _content_of(kind) for kind in KINDS}


def fingerprint(command: WireCommand) -> bytes:
    """Return a digest of what a command asks for, whatever its key, deadline and own name."""
    kind = type(command)
    content: tuple[object, ...] = (kind.__name__, _CONTENTS[kind](command))
    carried = getattr(command, "carried", NOTHING_CARRIED)
    if carried is not NOTHING_CARRIED and carried != NOTHING_CARRIED:
        content = (*content, carried)
    # By name, so that one which is added later changes no digest of what was bound before.
    conditions = asked_of(getattr(command, "conditions", None))
    if (trigger_price := getattr(command, "trigger_price", None)) is not None:
        conditions["trigger_price"] = trigger_price
    if getattr(command, "keeps_priority", False):
        conditions["keeps_priority"] = True
    if (legs := getattr(command, "legs", None)) is not None:
        content = (*content, *(_leg_content(leg) for leg in legs))
    if conditions:
        content = (*content, conditions)
    if (place := getattr(command, "place", None)) is not None:
        content = (*content, fingerprint(place))
    return blake2b(_encode_content(content), digest_size=16).digest()


def _leg_content(leg: LegOrder) -> tuple[object, ...]:
    return (*_leg_fields(leg), asked_of(leg.conditions))
