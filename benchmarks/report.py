"""The table that people read, and bench.json for everything else."""

import json
from pathlib import Path
from typing import Any, Final

# Key, what it is, unit; then the floor or ceiling that is required (0: none).
ROWS: Final = (
    ("engine_commands_per_s", "(a) the engine alone", "commands/s", 0, 0),
    ("recover_100k_orders_s", "(a) recovery of 100,000 resting orders", "s", 0, 5),
    ("durable_commands_per_s", "(b) stream to commit, saturated", "commands/s", 15_000, 0),
    ("durable_p50_ms_at_10pct", "    p50 at a tenth of that rate", "ms", 0, 0),
    ("durable_p99_ms_at_10pct", "    p99 at a tenth of that rate", "ms", 0, 0),
    ("durable_p50_ms_at_50pct", "    p50 at half of that rate", "ms", 0, 0),
    ("durable_p99_ms_at_50pct", "    p99 at half of that rate", "ms", 0, 0),
    ("http_order_p50_ms", "(c) POST /api/v1/orders, one client, p50", "ms", 0, 6),
    ("http_order_p99_ms", "    one client, p99", "ms", 0, 25),
    ("http_orders_per_s", "    64 clients", "orders/s", 2_500, 0),
    ("http_64_clients_p50_ms", "    64 clients, p50", "ms", 0, 0),
    ("http_64_clients_p99_ms", "    64 clients, p99", "ms", 0, 0),
    ("baseline_orders_per_s", "(d) plain Django, DRF and SQL, 64 clients", "orders/s", 0, 0),
    ("durable_vs_baseline", "(e) stream to commit / plain", "x", 50, 0),
    ("http_vs_baseline", "    HTTP / plain", "x", 0, 0),
    ("engine_vs_durable", "    engine alone / stream to commit", "x", 0, 0),
    ("compat_order_p50_ms", "(f) POST /api/v3/order, one client, p50", "ms", 0, 0),
    ("compat_v1_order_p50_ms", "    v1 by turns with it, one client, p50", "ms", 0, 0),
    ("compat_order_cost", "    compatible / v1, p50 of one client", "x", 0, 1.15),
    ("compat_orders_per_s", "    POST /api/v3/order, 64 clients", "orders/s", 0, 0),
    ("compat_v1_orders_per_s", "    v1 by turns with it, 64 clients", "orders/s", 0, 0),
    ("compat_load_cost", "    v1 / compatible, 64 clients", "x", 0, 1.15),
    ("depth_requests_per_s", "    GET /api/v3/depth?limit=100", "requests/s", 0, 0),
    ("bare_asgi_requests_per_s", "    bare ASGI, as many bytes", "requests/s", 0, 0),
    ("engine_rest_growth", "(g) a resting order, largest book / smallest", "x", 0, 2),
    ("engine_cancel_growth", "    a cancel", "x", 0, 2),
    ("engine_match_growth", "    an order that trades", "x", 0, 2),
    ("engine_bytes_per_order", "    memory of an open order", "bytes", 0, 0),
    ("chain_quiet_p50_ms", "(h) commands in a market, nothing beside, p50", "ms", 0, 0),
    ("chain_quiet_p99_ms", "    p99", "ms", 0, 0),
    ("chain_quiet_max_ms", "    the longest", "ms", 0, 0),
    ("chain_p50_ms", "    while a chain of stops enters in another, p50", "ms", 0, 0),
    ("chain_p99_ms", "    p99", "ms", 0, 0),
    ("chain_max_ms", "    the longest", "ms", 0, 50),
    ("crowd_max_ms", "    while as many enter that one trade reached", "ms", 0, 0),
    ("chain_batch_ms", "    a batch of 64 of the chain, median", "ms", 0, 0),
    ("depth_vs_bare_asgi", "    depth / bare ASGI", "x", 0.5, 0),
)


def add_ratios(figures: dict[str, Any]) -> None:
    """Add the ratios of what was measured."""
    for name, upper, lower in (
        ("durable_vs_baseline", "durable_commands_per_s", "baseline_orders_per_s"),
        ("http_vs_baseline", "http_orders_per_s", "baseline_orders_per_s"),
        ("engine_vs_durable", "engine_commands_per_s", "durable_commands_per_s"),
    ):
        if upper in figures and lower in figures:
            figures[name] = round(figures[upper] / figures[lower], 1)


def table(figures: dict[str, Any]) -> str:
    """Return the table of what was measured."""
    lines = [f"{'':44}{'measured':>12}  {'':12}{'required':>14}"]
    for key, title, unit, floor, ceiling in ROWS:
        if key not in figures:
            continue
        value = figures[key]
        required, verdict = "", ""
        if floor or ceiling:
            required = f"at least {floor:,}" if floor else f"under {ceiling:,}"
            is_met = value >= floor if floor else value < ceiling
            verdict = "" if is_met else "  MISSED"
        lines.append(f"{title:44}{value:>12,}  {unit:12}{required:>14}{verdict}".rstrip())
    return "\n".join(lines)


def missed(figures: dict[str, Any]) -> list[str]:
    """Return the keys of what was measured and is not as required."""
    return [
        key
        for key, _, _, floor, ceiling in ROWS
        if key in figures
        and ((floor and figures[key] < floor) or (ceiling and figures[key] >= ceiling))
    ]


def write(figures: dict[str, Any], path: Path) -> None:
    """Write the figures as JSON."""
    path.write_text(json.dumps(figures, indent=2, sort_keys=True) + "\n")
