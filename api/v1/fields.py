"""Reading a request's fields: every wrong one is named, with what was expected, in one answer.

A ``Fields`` is opened over a JSON object (or a query string), each field is taken by its kind, and
``check`` raises one ValidationFailed for all that was wrong, unknown names included.
"""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from urllib.parse import parse_qsl
from uuid import UUID

from api.transport.exact_json import Number, printable
from zavora.foundation import money
from zavora.foundation.errors import BadRequest, ValidationFailed
from zavora.foundation.money import NotExact
from zavora.foundation.times import EPOCH

MISSING: Final = "is required"
EXPONENT_MAX: Final = 40
_NUMBER: Final = re.compile(r"(-?[0-9]+(?:\.[0-9]+)?)[eE]([+-]?[0-9]{1,2})", re.ASCII)
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)
_PRINTABLE: Final = re.compile(r"[ -~]+", re.ASCII)
_SPELLING: Final = str.maketrans("", "", "_- ")
_ORDER_ID: Final = re.compile(r"[0-9]{1,16}", re.ASCII)


def decimal_text(value: Any) -> str:
    """Return the plain decimal text of a JSON string or number; raise NotExact for anything else.

    A JSON number may carry an exponent of two digits; it is written out exactly.
    """
    if isinstance(value, Decimal):
        value = Number(f"{value:f}") if value.is_finite() else ""
    elif isinstance(value, int) and not isinstance(value, bool):
        value = Number(value)
    if not isinstance(value, str):
        raise NotExact("expected a decimal as a string or a number")
    if isinstance(value, Number) and ("e" in value or "E" in value):
        value = _written_out(value)
    money.parse_decimal(value)
    return str(value)


def _written_out(text: str) -> str:
    matched = _NUMBER.fullmatch(text) if len(text) <= money.DECIMAL_LENGTH_MAX else None
    if matched is None or abs(int(matched[2])) > EXPONENT_MAX:
        raise NotExact('expected a decimal such as "1.25"')
    return f"{Decimal(text):f}"


def spelling(text: str) -> str:
    """Return an enumeration's value without letter case and separators."""
    return text.translate(_SPELLING).lower()


def order_id_of(text: str) -> int | None:
    """Return the number behind an order's opaque id, or None where it cannot be one."""
    return int(text) if _ORDER_ID.fullmatch(text) else None


def wrong_fields(wrong: dict[str, str]) -> ValidationFailed:
    """Return the failure that names each field and what was expected of it."""
    error = ValidationFailed(f"These fields are not as expected: {', '.join(wrong)}.")
    error.details = dict(wrong)  # not as keywords: a client may call a field "message" or "self"
    return error


def is_uuid(text: str) -> bool:
    """Tell whether a text is a UUID in its usual form."""
    return _UUID.fullmatch(text) is not None


class Fields:
    """One JSON object being read. Taken fields are None where absent or wrong; then ``check``."""

    __slots__ = ("_data", "_taken", "wrong")

    def __init__(self, data: Any) -> None:
        if not isinstance(data, dict):
            raise ValidationFailed("The body must be a JSON object.", body="expected an object")
        self._data: dict[str, Any] = data
        self._taken: set[str] = set()
        self.wrong: dict[str, str] = {}

    def take(self, name: str, *, required: bool = False) -> Any:
        """Return a field as it was sent; null is the same as absent."""
        self._taken.add(name)
        value = self._data.get(name)
        if value is None and required:
            self.wrong[name] = MISSING
        return value

    def has(self, name: str) -> bool:
        """Tell whether a field was sent at all, rightly or wrongly."""
        return self._data.get(name) is not None

    def text(
        self, name: str, *, required: bool = False, length_max: int = 64, what: str = "a text"
    ) -> str | None:
        """Take printable ASCII text of a bounded length."""
        value = self.take(name, required=required)
        if value is None:
            return None
        if (
            not isinstance(value, str)
            or isinstance(value, Number)
            or len(value) > length_max
            or _PRINTABLE.fullmatch(value) is None
        ):
            self.wrong[name] = f"expected {what} of 1 to {length_max} printable ASCII characters"
            return None
        return value

    def label(self, name: str, *, required: bool = False, length_max: int = 64) -> str | None:
        """Take a short text for people, in any script, without control characters."""
        value = self.take(name, required=required)
        if value is None:
            return None
        if (
            not isinstance(value, str)
            or isinstance(value, Number)
            or len(value) > length_max
            or not (value.isprintable() or value == "")
        ):
            self.wrong[name] = f"expected a text of at most {length_max} printable characters"
            return None
        return value

    def uuid(self, name: str, *, required: bool = False) -> UUID | None:
        """Take a UUID."""
        value = self.take(name, required=required)
        if value is None:
            return None
        if not isinstance(value, str) or not is_uuid(value):
            self.wrong[name] = "expected a UUID"
            return None
        return UUID(value)

    def choice(self, name: str, choices: dict[str, str], *, required: bool = False) -> str | None:
        """Take one of ``choices`` (spelling -> value), in any letter case and spelling."""
        value = self.take(name, required=required)
        if value is None:
            return None
        chosen = choices.get(spelling(value)) if isinstance(value, str) else None
        if chosen is None:
            expected = ", ".join(dict.fromkeys(choices.values()))
            self.wrong[name] = f"expected one of: {expected}"
        return chosen

    def flag(self, name: str) -> bool:
        """Take a boolean; absent is false."""
        value = self.take(name)
        if value is None:
            return False
        if not isinstance(value, bool):
            self.wrong[name] = "expected true or false"
            return False
        return value

    def decimal(self, name: str, *, required: bool = False, positive: bool = True) -> str | None:
        """Take a decimal as plain text, exactly as it was sent."""
        value = self.take(name, required=required)
        if value is None:
            return None
        try:
            text = decimal_text(value)
        except NotExact as error:
            self.wrong[name] = str(error)
            return None
        if positive and (text[0] == "-" or not text.strip("0.")):
            self.wrong[name] = "expected a figure above zero"
            return None
        return text

    def integer(self, name: str, *, default: int, low: int, high: int) -> int:
        """Take a whole number of a JSON number or a query's text."""
        value = self.take(name)
        if value is None:
            return default
        text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
        if (
            not isinstance(text, str)
            or len(text) > 12
            or not (text.isascii() and text.isdigit())
            or not low <= int(text) <= high
        ):
            self.wrong[name] = f"expected a whole number from {low} to {high}"
            return default
        return int(text)

    def moment(self, name: str) -> datetime | None:
        """Take a time: RFC 3339 with an offset, or milliseconds since 1970."""
        value = self.take(name)
        if value is None:
            return None
        expected = "expected an RFC 3339 time such as 2026-01-31T12:00:00Z"
        if not isinstance(value, str) or len(value) > 40:
            self.wrong[name] = expected
            return None
        try:
            if value.isascii() and value.isdigit():
                return EPOCH + timedelta(milliseconds=int(value))
            moment = datetime.fromisoformat(value.replace(" ", "+"))
        except (ValueError, OverflowError, OSError):
            self.wrong[name] = expected
            return None
        if moment.tzinfo is None:
            self.wrong[name] = expected
            return None
        try:
            return moment.astimezone(UTC)
        except OverflowError:
            self.wrong[name] = expected
            return None

    def texts(
        self, name: str, *, count_max: int, required: bool = False, length_max: int = 16
    ) -> list[str]:
        """Take a list of short texts; absent is empty."""
        values = self.take(name, required=required)
        if values is None:
            return []
        if (
            not isinstance(values, list)
            or len(values) > count_max
            or not all(isinstance(one, str) and not isinstance(one, Number) for one in values)
            or any(len(one) > length_max for one in values)
        ):
            self.wrong[name] = (
                f"expected a list of at most {count_max} texts of at most {length_max} characters"
            )
            return []
        return values

    def refuse(self, name: str, expected: str) -> None:
        """Name a field as wrong, unless it already is."""
        self.wrong.setdefault(name, expected)

    def check(self) -> None:
        """Raise ValidationFailed naming every wrong and every unknown field, if there is one."""
        if wrong := self.all_wrong():
            raise wrong_fields(wrong)

    def all_wrong(self) -> dict[str, str]:
        """Return every wrong and every unknown field, with what was expected."""
        if len(self._taken) < len(self._data) or not self._taken.issuperset(self._data):
            for name, value in self._data.items():
                if name not in self._taken and value is not None:
                    self.wrong.setdefault(printable(name), "is not a field of this request")
        return self.wrong


QUERY_FIELDS_MAX: Final = 50


def query_fields(query_string: bytes) -> Fields:
    """Return a query string's fields. Raises BadRequest for one that repeats or is unreadable."""
    if not query_string:
        return Fields({})
    try:
        pairs = parse_qsl(
            query_string.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=QUERY_FIELDS_MAX,
        )
    except ValueError:
        raise BadRequest("The query string could not be read.") from None
    values = dict(pairs)
    if len(values) != len(pairs):
        raise BadRequest("The query string repeats a field.")
    return Fields(values)
