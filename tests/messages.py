"""Samples of all that one process writes and another one reads, as bytes: to be kept and compared.

``python tests/messages.py > tests/former_messages/NAME.json`` writes those of the checkout that it
runs in (its working folder), so that a later version can be held against them: see
``tests/unit/zavora/test_neighbours.py``. It asks the structs what they consist of, so that it runs
in a former checkout, too, and fields are filled by their names alone.
"""

import json
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple
from zlib import crc32

import msgspec
from msgspec import inspect

to_msgpack: Final = msgspec.msgpack.Encoder().encode
to_json: Final = msgspec.json.Encoder().encode
from_msgpack: Final = msgspec.msgpack.Decoder().decode
from_json: Final = msgspec.json.Decoder().decode
INTEGER_MAX: Final = 1_000


class Message(NamedTuple):
    """A kind of message: its type, and how it is written, read and taken apart."""

    type: Any
    encode: Callable[[Any], bytes]
    decode: Callable[[bytes], Any]
    take_apart: Callable[[bytes], Any]


def messages() -> dict[str, Message]:
    """Return all kinds of messages of this version, by name."""
    from accounts import notices
    from marketdata import wire as data
    from matching import wire
    from matching.commands import KINDS, decode_command
    from matching.engine.orders import Order
    from matching.rows.checkpoints import Head

    def binary(kind: Any, decode: Callable[[bytes], Any]) -> Message:
        return Message(kind, to_msgpack, decode, from_msgpack)

    def text(kind: Any, decode: Callable[[bytes], Any] | None = None) -> Message:
        return Message(kind, to_json, decode or msgspec.json.Decoder(kind).decode, from_json)

    return {
        **{f"command {one.__name__}": binary(one, decode_command) for one in KINDS},
        "reply": binary(wire.Reply, wire.decode_reply),
        "replies": binary(wire.Replies, wire.decode_replies),
        "event": binary(wire.MarketEvent, wire.decode_event),
        "private part of an event": binary(wire.PrivatePart, wire.decode_private),
        "balances": binary(list[notices.BalanceState], notices.decode_balances),
        "credentials": binary(notices.CredentialNotice, notices.decode_credential_notice),
        "tickers": binary(list[data.TickerState], data.decode_tickers),
        "candles": binary(list[data.CandleState], data.decode_candles),
        "life of market data": text(data.Progress, data.decode_progress),
        "reconciled": text(wire.Reconciled),
        "head of a checkpoint": text(Head),
        "orders of a checkpoint": text(list[Order]),
    }


def names() -> dict[str, str]:
    """Return the names by which processes find each other in the queue's store."""
    from matching import wire

    functions = {
        one.__name__: one
        for one in (
            *(wire.stream_name, wire.heartbeat_name, wire.standby_name, wire.set_aside_name),
            wire.events_channel,
        )
    }
    fields = ("FIELD_BODY", "FIELD_REQUEST_ID", "FIELD_REPLY_TO", "FIELD_CORRELATION")
    return {
        **{name: function(7) for name, function in functions.items()},
        "replies_channel": wire.replies_channel("p"),
        **{name: getattr(wire, name).decode() for name in fields},
    }


# --- samples --------------------------------------------------------------------------------------


def sample(kind: Any, *, is_whole: bool) -> Any:
    """Return a value of a type; ``is_whole``: fields with defaults are filled, too."""
    return msgspec.convert(_filled(inspect.type_info(kind), "", is_whole=is_whole), kind)


def words(kind: Any) -> dict[str, list[str]]:
    """Return which words may stand in which field, where only certain ones may."""
    found: dict[str, list[str]] = {}
    _collect_words(inspect.type_info(kind), "", found, set())
    return found


def _filled(info: Any, name: str, *, is_whole: bool) -> Any:
    """Return the plain value, as msgspec converts it, of what is called ``name``."""
    number = crc32(name.encode()) % INTEGER_MAX + 1
    match info:
        case inspect.StructType():
            fields = {
                field.encode_name: _filled(field.type, field.name, is_whole=is_whole)
                for field in info.fields
                if field.required or is_whole
            }
            tag = [] if info.tag is None else [info.tag]
            if info.array_like:
                return [*tag, *fields.values()]
            return fields | ({info.tag_field: info.tag} if info.tag else {})
        case inspect.UnionType():
            kinds = [one for one in info.types if not isinstance(one, inspect.NoneType)]
            if len(kinds) < len(info.types) and not is_whole:
                return None
            return _filled(kinds[0], name, is_whole=is_whole)
        case inspect.LiteralType():
            return info.values[0]
        case inspect.BoolType():
            return True
        case inspect.IntType():
            return max(info.ge or 0, min(number, info.le or INTEGER_MAX))
        case inspect.StrType() | inspect.DecimalType():
            return str(number)
        case inspect.BytesType():
            return str(number).encode()
        case inspect.ListType() | inspect.VarTupleType():
            one = _filled(info.item_type, name, is_whole=is_whole)
            return [one] * max(1, info.min_length or 0)
        case inspect.TupleType():
            return [_filled(one, name, is_whole=is_whole) for one in info.item_types]
        case inspect.DictType():
            return {}
        case inspect.DateTimeType():
            return datetime(2026, 1, 1, 0, 0, number % 60, tzinfo=UTC)
    raise TypeError(f"{name}: no sample of {info}")


def _collect_words(info: Any, name: str, found: dict[str, list[str]], seen: set[Any]) -> None:
    match info:
        case inspect.StructType():
            if info.cls in seen:
                return
            seen.add(info.cls)
            for field in info.fields:
                _collect_words(field.type, f"{info.cls.__name__}.{field.name}", found, seen)
        case inspect.UnionType():
            for one in info.types:
                _collect_words(one, name, found, seen)
        case inspect.LiteralType():
            found[name] = [str(word) for word in info.values]
        case inspect.ListType() | inspect.VarTupleType():
            _collect_words(info.item_type, name, found, seen)


def kept() -> dict[str, Any]:
    """Return what is kept of a version."""
    found = messages()
    return {
        "names": names(),
        "words": {
            field: values
            for message in found.values()
            for field, values in words(message.type).items()
        },
        "messages": {
            name: {
                which: message.encode(sample(message.type, is_whole=which == "whole")).hex()
                for which in ("whole", "least")
            }
            for name, message in found.items()
        },
    }


if __name__ == "__main__":
    sys.path.insert(0, str(Path.cwd()))
    os.environ.update(DJANGO_SETTINGS_MODULE="zavora.settings", SECRET_KEY="unused")
    import django

    django.setup()
    sys.stdout.write(json.dumps(kept(), indent=1) + "\n")
