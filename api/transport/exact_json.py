"""The one JSON reader of every edge: exact numbers, no repeated keys, bounded depth.

A number stays the text it was (``Number``), so that no decimal ever passes through a binary float.
The standard library's scanner is used for its hooks: it reports every pair of an object, so that
a repeated key is seen, and it hands over numbers as text. (msgspec, which writes our answers, keeps
the last of two equal keys in silence.)
"""

import json
from typing import Any, Final

import msgspec

from zavora.foundation.errors import BadRequest

DEPTH_MAX: Final = 32


def _plain_text(value: Any) -> str:
    """Return a text of some subclass (Number, REST framework's ErrorDetail) as plain text."""
    if isinstance(value, str):
        return str(value)
    raise NotImplementedError(f"no JSON for {type(value).__name__}")


encode = msgspec.json.Encoder(enc_hook=_plain_text).encode


class Number(str):
    """The text of a JSON number."""

    __slots__ = ()


def _refuse_constant(name: str) -> None:
    raise BadRequest(f"The body is not JSON: {name} is no JSON number.")


def _object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        seen: set[str] = set()
        for name, _value in pairs:
            if name in seen:
                raise BadRequest("The body repeats a key of an object.", key=printable(name))
            seen.add(name)
    return members


_decoder: Final = json.JSONDecoder(
    object_pairs_hook=_object_of,
    parse_float=Number,
    parse_int=Number,
    parse_constant=_refuse_constant,
    strict=True,
)


def printable(text: str) -> str:
    """Return ``text`` short and encodable, for a message that quotes what a client sent."""
    return text[:64].encode("utf-8", "replace").decode("utf-8", "replace")


def is_encodable(text: str) -> bool:
    """Tell whether a text is one: half a surrogate pair, which JSON can spell, is not."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def parse(body: bytes) -> Any:
    """Return the value that ``body`` spells in UTF-8 JSON; numbers as ``Number``.

    Raises BadRequest for anything that is not JSON, repeats a key or nests too deep.
    """
    try:
        text = body.decode("utf-8")
        if text.count("[") + text.count("{") > DEPTH_MAX and _depth(text) > DEPTH_MAX:
            raise BadRequest(f"The body nests deeper than {DEPTH_MAX} levels.")
        return _decoder.decode(text)
    except UnicodeDecodeError:
        raise BadRequest("The body is not UTF-8 text.") from None
    except json.JSONDecodeError as error:
        message = f"The body is not JSON: {error.msg} at character {error.pos}."
        raise BadRequest(message) from None
    except RecursionError:
        raise BadRequest(f"The body nests deeper than {DEPTH_MAX} levels.") from None


def _depth(text: str) -> int:
    """Return how deep brackets nest, counting those outside strings; stops above the limit."""
    depth = deepest = 0
    in_string = escaped = False
    for character in text:
        if in_string:
            if escaped:
                escaped = False
            elif character == "\\":
                escaped = True
            elif character == '"':
                in_string = False
        elif character == '"':
            in_string = True
        elif character in "[{":
            depth += 1
            if depth > deepest:
                deepest = depth
                if deepest > DEPTH_MAX:
                    return deepest
        elif character in "]}":
            depth -= 1
    return deepest
