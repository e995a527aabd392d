"""A curve as points of an SVG: whole numbers in, whole numbers out."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec

WIDTH: Final = 1_000
HEIGHT: Final = 260
# Of the scale: about so many lines, at figures that are one, two or five of a power of ten.
LINES: Final = 4


class Line(msgspec.Struct, frozen=True):
    """A line of the scale: where it is, and its figure in units."""

    y: int
    units: int


class Curve(msgspec.Struct, frozen=True):
    """What an SVG of ``WIDTH`` times ``HEIGHT`` draws."""

    points: str
    area: str
    lines: tuple[Line, ...]
    is_up: bool


def draw_curve(figures: Sequence[tuple[datetime, int]]) -> Curve | None:
    """Return the curve of figures by time, oldest first; None where there are too few."""
    if len(figures) < 2 or figures[0][0] >= figures[-1][0]:
        return None
    begin, span = figures[0][0], figures[-1][0] - figures[0][0]
    low, high = min(units for _, units in figures), max(units for _, units in figures)
    step = _step((high - low) // LINES or max(1, abs(high) // LINES))
    low, high = low // step * step, -(-high // step) * step
    high += step if high == low else 0

    def y_of(units: int) -> int:
        return HEIGHT - (units - low) * HEIGHT // (high - low)

    points = [f"{(moment - begin) * WIDTH // span},{y_of(units)}" for moment, units in figures]
    lines = tuple(Line(y_of(units), units) for units in range(low, high + 1, step))
    text = " ".join(points)
    return Curve(
        text, f"0,{HEIGHT} {text} {WIDTH},{HEIGHT}", lines, figures[-1][1] >= figures[0][1]
    )


def _step(least: int) -> int:
    """Return the lowest of 1, 2, 5, 10, 20, 50 ... that is not below ``least``."""
    power = 1
    while True:
        for factor in (1, 2, 5):
            if factor * power >= least:
                return factor * power
        power *= 10
