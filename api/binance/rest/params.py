"""The parameters of a request, from its query and its body, and the text that its signature covers.

The raw bytes are kept: a signature covers what was received, never what was understood of it.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, Final, TypeVar
from urllib.parse import quote, unquote_plus

from api.access.signatures import MICROSECOND_DIGITS
from api.binance.words import errors

Choice = TypeVar("Choice")

PAIRS_MAX: Final = 200
TEXT_LENGTH_MAX: Final = 4_096
# What every text is made of, whatever it means: nothing published has other characters.
TEXT_LEGAL: Final = rf"^[ -~]{{1,{TEXT_LENGTH_MAX}}}$"
_TEXT: Final = re.compile(rf"[ -~]{{1,{TEXT_LENGTH_MAX}}}", re.ASCII)
SYMBOLS_LENGTH_MAX: Final = 32_768
SIGNATURE: Final = "signature"
DECIMAL_LEGAL: Final = r"^([0-9]{1,20})(\.[0-9]{1,20})?$"
INTEGER_LEGAL: Final = r"^[0-9]{1,20}$"
_DECIMAL: Final = re.compile(r"[0-9]{1,20}(?:\.[0-9]{1,20})?", re.ASCII)
_INTEGER: Final = re.compile(r"[0-9]{1,20}", re.ASCII)
_SYMBOLS_MAX: Final = 1_000
_SYMBOL: Final = re.compile(r"[A-Z0-9-_.]{1,32}", re.ASCII)
INTEGER_MAX: Final = 2**63 - 1


class Params:
    """Parameters by name, each a text; reading one raises the published error if it is wrong."""

    __slots__ = ("_values", "repeated", "signed_texts")

    def __init__(
        self, values: dict[str, str], *, signed_texts: tuple[bytes, ...], repeated: str | None
    ) -> None:
        self._values = values
        # What a signature may have been made of; clients of the WebSocket API differ.
        self.signed_texts = signed_texts
        self.repeated = repeated

    @classmethod
    def of_request(cls, query: bytes, body: bytes = b"") -> "Params":
        """Read the raw query and the raw form of a body; where both name one, the query wins."""
        repeated: str | None = None
        values: dict[str, str] = {}
        signed = b""
        # The body first, so that the query may overwrite it.
        for raw in (body, query):
            if raw:
                found, text, twice = _read(raw)
                values = {**values, **found} if values else found
                repeated = twice or repeated
                signed = text + signed
        return cls(values, signed_texts=(signed,), repeated=repeated)

    @classmethod
    def of_object(cls, members: Mapping[str, Any]) -> "Params":
        """Read the ``params`` of a WebSocket API request: what is signed is sorted by name.

        Numbers are taken as they were sent if they are text already (``api.transport.exact_json``).
        """
        values = {name: _text_of(value) for name, value in members.items() if value is not None}
        pairs = sorted((name, text) for name, text in values.items() if name != SIGNATURE)
        plain = "&".join(f"{name}={text}" for name, text in pairs)
        encoded = "&".join(f"{name}={quote(text, safe='')}" for name, text in pairs)
        texts = {text.encode("utf-8", "replace"): None for text in (plain, encoded)}
        return cls(values, signed_texts=tuple(texts), repeated=None)

    def check_repeated(self) -> None:
        """Raise -1101 where a parameter came twice."""
        if self.repeated is not None:
            raise errors.repeated(self.repeated[:64])

    def sent_as(self, name: str) -> str:
        """Return what the request calls a parameter that is asked for by a name."""
        return name

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def get(self, name: str) -> str | None:
        """Return a parameter's raw text, None where it was not sent."""
        return self._values.get(name)

    def require(self, *names: str) -> None:
        """Raise -1102 for the first of ``names`` that was not sent or is empty."""
        for name in names:
            if not self._values.get(name):
                raise errors.mandatory(name)

    # --- typed -----------------------------------------------------------------------------------

    def text(
        self,
        name: str,
        *,
        required: bool = False,
        legal: re.Pattern[str] | None = None,
    ) -> str | None:
        """Return a printable text; with ``legal`` it must match that wholly, else -1100."""
        value = self._values.get(name)
        if not value:
            if required:
                raise errors.mandatory(name)
            if value is None:
                return None
            raise errors.empty(name)
        if legal is not None and legal.fullmatch(value) is None:
            raise errors.illegal(name, f"^{legal.pattern}$")
        return _printable(name, value)

    def needed(self, name: str) -> str:
        """Return a printable text that must be there."""
        value = self._values.get(name)
        if not value:
            raise errors.mandatory(name)
        return _printable(name, value)

    def decimal(self, name: str, *, required: bool = False) -> str | None:
        """Return a figure's text: digits, perhaps with a fraction; no sign, no exponent."""
        value = self.text(name, required=required)
        if value is not None and _DECIMAL.fullmatch(value) is None:
            raise errors.illegal(name, DECIMAL_LEGAL)
        return value

    def integer(
        self,
        name: str,
        *,
        required: bool = False,
        default: int | None = None,
        low: int = 0,
        high: int = INTEGER_MAX,
        clip: bool = False,
    ) -> int | None:
        """Return a whole number from ``low`` to ``high``: outside -1130, or with ``clip`` ``high``.

        ``clip`` concerns only what is above ``high`` (limits of lists).
        """
        value = self.text(name, required=required)
        if value is None:
            return default
        if _INTEGER.fullmatch(value) is None:
            raise errors.illegal(name, INTEGER_LEGAL)
        number = int(value)
        if number > high and clip:
            return high
        if not low <= number <= high:
            raise errors.invalid_parameter(name)
        return number

    def limit(self, *, default: int, high: int) -> int:
        """Return how many entries a list may have: above ``high`` means ``high``."""
        number = self.integer("limit", low=1, high=high, clip=True)
        return default if number is None else number

    def start_us(self, name: str = "startTime") -> int | None:
        """Return from when on, in microseconds since 1970; sent in milliseconds or in those."""
        span = self._instant(name)
        return None if span is None else span[0]

    def end_us(self, name: str = "endTime") -> int | None:
        """Return until when, inclusive: the last microsecond of a millisecond belongs to it."""
        span = self._instant(name)
        return None if span is None else span[1]

    def _instant(self, name: str) -> tuple[int, int] | None:
        """Return the first and the last microsecond that a time means."""
        number = self.integer(name)
        if number is None:
            return None
        if len(str(number)) >= MICROSECOND_DIGITS:
            return number, number
        return number * 1_000, number * 1_000 + 999

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Return ``true`` or ``false`` in any letter case."""
        value = self.text(name)
        if value is None:
            return default
        word = value.lower()
        if word not in ("true", "false"):
            raise errors.invalid_parameter(name)
        return word == "true"

    def choice(
        self, name: str, choices: Mapping[str, Choice], *, required: bool = False
    ) -> Choice | None:
        """Return what a word stands for; another word is -1130."""
        value = self.text(name, required=required)
        if value is None:
            return None
        found = choices.get(value)
        if found is None:
            raise errors.invalid_parameter(name)
        return found

    def symbols(self, name: str = "symbols") -> list[str] | None:
        """Return a JSON array of symbols, None where it was not sent."""
        value = self._values.get(name)
        if value is None:
            return None
        if not value:
            raise errors.empty(name)
        legal = r'^\["[A-Z0-9-_.]{1,32}"(,"[A-Z0-9-_.]{1,32}"){0,}\]$'
        try:
            found = json.loads(value) if len(value) <= SYMBOLS_LENGTH_MAX else None
        except (ValueError, RecursionError):
            raise errors.illegal(name, legal) from None
        if not isinstance(found, list) or not 0 < len(found) <= _SYMBOLS_MAX:
            raise errors.illegal(name, legal)
        if not all(isinstance(symbol, str) and _SYMBOL.fullmatch(symbol) for symbol in found):
            raise errors.illegal(name, legal)
        if len(set(found)) != len(found):
            raise errors.repeated_symbol()
        return found


class RenamedParams(Params):
    """The parameters of a request by other names: one order's of a list read as any order's.

    ``names``: the names that the request has, by those that are asked for. None of them is the
    name of another one. Errors tell the request's own.
    """

    __slots__ = ("_names",)

    def __init__(self, params: Params, names: Mapping[str, str]) -> None:
        super().__init__(params._values, signed_texts=params.signed_texts, repeated=params.repeated)
        self._names = names

    def sent_as(self, name: str) -> str:
        """Return what the request calls a parameter."""
        return self._names.get(name, name)

    def __contains__(self, name: str) -> bool:
        return super().__contains__(self.sent_as(name))

    def get(self, name: str) -> str | None:
        """Return a parameter's raw text, None where it was not sent."""
        return super().get(self.sent_as(name))

    def require(self, *names: str) -> None:
        """Raise -1102 for the first of ``names`` that was not sent or is empty."""
        super().require(*map(self.sent_as, names))

    def text(
        self, name: str, *, required: bool = False, legal: re.Pattern[str] | None = None
    ) -> str | None:
        """Return a printable text."""
        return super().text(self.sent_as(name), required=required, legal=legal)

    def needed(self, name: str) -> str:
        """Return a printable text that must be there."""
        return super().needed(self.sent_as(name))

    def decimal(self, name: str, *, required: bool = False) -> str | None:
        """Return a figure's text."""
        return super().decimal(self.sent_as(name), required=required)

    def integer(self, name: str, **bounds: Any) -> int | None:
        """Return a whole number."""
        return super().integer(self.sent_as(name), **bounds)


def _printable(name: str, value: str) -> str:
    """Return a text of printable ASCII and of a bounded length, else raise -1100."""
    if _TEXT.fullmatch(value) is None:
        raise errors.illegal(name, TEXT_LEGAL)
    return value


def _read(raw: bytes) -> tuple[dict[str, str], bytes, str | None]:
    """Return the values of a query or form, its text without the signature, and what came twice."""
    # Everything but ASCII arrives percent-encoded; what does not is kept byte for byte.
    text = raw.decode("latin-1")
    pieces = text.split("&")
    if len(pieces) > PAIRS_MAX:
        raise errors.too_many_parameters()
    is_encoded = "%" in text or "+" in text
    values: dict[str, str] = {}
    repeated: str | None = None
    signatures: list[int] = []
    for index, piece in enumerate(pieces):
        name, _, value = piece.partition("=")
        if is_encoded:
            name, value = unquote_plus(name), unquote_plus(value)
        if name == SIGNATURE:
            signatures.append(index)
        elif not piece:
            continue
        if name in values:
            repeated = name
        else:
            values[name] = value
    if not signatures:
        return values, raw, repeated
    for index in reversed(signatures):
        del pieces[index]
    return values, "&".join(pieces).encode("latin-1"), repeated


def _text_of(value: Any) -> str:
    """Return a JSON value as it is signed and read: booleans lower-case, lists as compact JSON."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return str(value)
    if isinstance(value, (list, dict)):
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return str(value)
