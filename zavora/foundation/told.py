"""Gauges of which only what was told last is there."""

from collections.abc import Iterable, Mapping

from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

Labels = tuple[str, ...]


class Told(Collector):
    """A gauge of which only what was told last is there: what is not known is not zero."""

    def __init__(self, name: str, text: str, labels: Labels) -> None:
        self.name = name
        self._text = text
        self._labels = labels
        self._values: Mapping[Labels, float] = {}

    def tell(self, values: Mapping[Labels, float]) -> None:
        """Replace all that was told before, by the values of labels."""
        self._values = values

    def collect(self) -> Iterable[Metric]:
        """Return what was told."""
        family = GaugeMetricFamily(self.name, self._text, labels=self._labels)
        for labels, value in self._values.items():
            family.add_metric(labels, value)
        return [family]
