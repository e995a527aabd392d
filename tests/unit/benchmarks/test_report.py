"""What the benchmarks tell: percentiles, ratios, floors."""

import json
from pathlib import Path

import pytest

from benchmarks import report
from benchmarks.statistics import Latencies


def test_percentiles_are_nearest_ranks() -> None:
    latencies = Latencies([rank / 1000 for rank in range(100, 0, -1)])
    assert latencies.percentile_ms(50) == pytest.approx(50)
    assert latencies.percentile_ms(99) == pytest.approx(99)
    assert latencies.as_ms()["max_ms"] == pytest.approx(100)
    assert Latencies([0.007]).percentile_ms(99) == pytest.approx(7)


def test_no_sample_has_no_percentile() -> None:
    with pytest.raises(ValueError, match="no latency"):
        Latencies([]).percentile_ms(50)


def test_ratios_are_of_what_was_measured() -> None:
    figures = {"durable_commands_per_s": 20_000, "baseline_orders_per_s": 200}
    report.add_ratios(figures)
    assert figures["durable_vs_baseline"] == 100
    assert "http_vs_baseline" not in figures


def test_a_missed_floor_or_ceiling_is_named() -> None:
    figures = {
        "durable_commands_per_s": 14_999,
        "http_orders_per_s": 2_500,
        "recover_100k_orders_s": 5.0,
        "http_order_p99_ms": 24.99,
    }
    assert report.missed(figures) == ["recover_100k_orders_s", "durable_commands_per_s"]
    assert report.table(figures).count("MISSED") == 2


def test_figures_are_written_as_json(tmp_path: Path) -> None:
    file = tmp_path / "bench.json"
    report.write({"engine_commands_per_s": 1}, file)
    assert json.loads(file.read_text()) == {"engine_commands_per_s": 1}
