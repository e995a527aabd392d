"""A prediction beside what was measured."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Compared:
    """One figure."""

    what: str
    predicted: float
    measured: float

    @property
    def error(self) -> float:
        """How much too high the prediction is, as a share of what was measured."""
        return self.predicted / self.measured - 1 if self.measured else 0.0
