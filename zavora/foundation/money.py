r"""The one boundary between text, integers and NUMERIC: exact, or refused.

Amounts inside the engine and the worker are ``int`` smallest units of an asset; tables and APIs
hold the same figures in the units people read. Nothing here rounds. The grammar of a decimal is
``-?\d+(\.\d+)?`` in ASCII, at most 40 characters.
"""

import re
from decimal import Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow
from typing import Final

DECIMAL_LENGTH_MAX: Final = 40
SCALE_MAX: Final = 18
# NUMERIC(38, 18): 20 digits before the point.
INTEGER_DIGITS_MAX: Final = 20
PPM: Final = 1_000_000

_GRAMMAR: Final = re.compile(r"-?[0-9]+(?:\.[0-9]+)?", re.ASCII)

# For Decimal arithmetic outside the engine: traps what the default context does silently.
EXACT: Final = Context(prec=80, traps=[Inexact, InvalidOperation, DivisionByZero, Overflow])


class NotExact(ValueError):
    """The text is no decimal of the expected form; the message says what was expected."""


def parse_decimal(text: str) -> Decimal:
    """Return the decimal that ``text`` spells by the grammar; raise NotExact otherwise."""
    if len(text) > DECIMAL_LENGTH_MAX:
        raise NotExact(f"expected a decimal of at most {DECIMAL_LENGTH_MAX} characters")
    if _GRAMMAR.fullmatch(text) is None:
        raise NotExact('expected a decimal such as "1.25"')
    return Decimal(text)


def text_to_units(text: str, scale: int) -> int:
    """Return ``text`` as an integer of ``10**-scale``; raise NotExact where it does not fit."""
    if len(text) > DECIMAL_LENGTH_MAX:
        raise NotExact(f"expected a decimal of at most {DECIMAL_LENGTH_MAX} characters")
    if _GRAMMAR.fullmatch(text) is None:
        raise NotExact('expected a decimal such as "1.25"')
    whole, _, fraction = text.partition(".")
    if len(fraction) > scale:
        fraction = fraction.rstrip("0")
        if len(fraction) > scale:
            raise NotExact(f"expected at most {scale} decimals")
    if len(whole.lstrip("-").lstrip("0")) > INTEGER_DIGITS_MAX:
        raise NotExact(f"expected at most {INTEGER_DIGITS_MAX} digits before the point")
    return int(whole + fraction.ljust(scale, "0"))


def units_to_text(units: int, scale: int) -> str:
    """Return ``units`` of ``10**-scale`` as plain decimal text with exactly ``scale`` decimals."""
    if scale == 0:
        return str(units)
    if units < 0:
        return "-" + units_to_text(-units, scale)
    digits = str(units)
    if len(digits) <= scale:
        digits = digits.zfill(scale + 1)
    return f"{digits[:-scale]}.{digits[-scale:]}"


def decimal_to_units(value: Decimal, scale: int) -> int:
    """Return a decimal as an integer of ``10**-scale``; raise NotExact where digits would go."""
    sign, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int):
        raise NotExact("expected a finite decimal")
    whole = int("".join(map(str, digits)) or "0")
    shift = exponent + scale
    if shift >= 0:
        units = whole * int(10**shift)
    else:
        units, rest = divmod(whole, 10**-shift)
        if rest:
            raise NotExact(f"expected at most {scale} decimals")
    return -units if sign else units


def units_to_decimal(units: int, scale: int) -> Decimal:
    """Return ``units`` of ``10**-scale`` as an exact Decimal."""
    return Decimal(units).scaleb(-scale, EXACT)


def format_decimal(value: Decimal, scale: int) -> str:
    """Return ``value`` as plain text with exactly ``scale`` decimals; more raise NotExact."""
    return units_to_text(decimal_to_units(value, scale), scale)


def numeric_text_to_units(text: str, scale: int) -> int:
    """Return what PostgreSQL prints for a NUMERIC as units of ``10**-scale`` (the fast way in).

    The text has no exponent. Raises NotExact for NaN and for digits finer than ``scale``.
    """
    whole, _, fraction = text.partition(".")
    try:
        units = int(whole + fraction)
    except ValueError:
        raise NotExact(f"expected a finite number, found {text!r}") from None
    shift = scale - len(fraction)
    if shift >= 0:
        return units * 10**shift  # type: ignore[no-any-return]
    units, rest = divmod(units, 10**-shift)
    if rest:
        raise NotExact(f"expected at most {scale} decimals")
    return units  # type: ignore[no-any-return]


def scale_of(value: Decimal) -> int:
    """Return how many decimals ``value`` needs (trailing zeros do not count)."""
    exponent = value.normalize(EXACT).as_tuple().exponent
    if not isinstance(exponent, int):
        raise NotExact("expected a finite decimal")
    return max(0, -exponent)


def text_for_people(value: Decimal, scale: int, *, decimals_min: int = 2) -> str:
    """Write an amount as the pages show it: thousands parted, no zeros after two decimals."""
    whole, _, fraction = format_decimal(value, scale).partition(".")
    fraction = fraction.rstrip("0").ljust(min(scale, decimals_min), "0")
    grouped = f"{int(whole):,}" if whole.lstrip("-").strip("0") else whole
    return f"{grouped}.{fraction}" if fraction else grouped
