"""The tables that the simulation prints."""

from benchmarks.growing.capacity import Capacity
from benchmarks.growing.costs import Costs, Wanted, names_of
from benchmarks.growing.validation_report import Compared

UNITS = (("PB", 1e15), ("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3))


def size_text(count: float) -> str:
    """Return bytes as people say them."""
    for unit, of in UNITS:
        if count >= of:
            return f"{count / of:.1f} {unit}"
    return f"{count:.0f} B"


def rows_of_inputs(costs: Costs, wanted: Wanted) -> list[tuple[str, str]]:
    """Return every assumption with its value."""
    return [
        *((name, f"{getattr(wanted, name):,g}") for name in names_of(wanted)),
        *((name, f"{getattr(costs, name):,g}") for name in names_of(costs)),
        *(
            (
                one.name,
                f"{one.rows:.2f} rows a unit of {one.grows_with}, {one.row_bytes:.0f} B each",
            )
            for one in costs.tables
        ),
    ]


def rows_of_capacity(found: Capacity) -> list[tuple[str, str]]:
    """Return what is needed."""
    return [
        ("commands in all", f"{found.commands:,.0f}"),
        ("commands/s at the peak", f"{found.peak_commands_s:,.0f}"),
        ("disk, attached", size_text(found.attached.total)),
        *((f"  {name}", size_text(size)) for name, size in found.attached.by_table.items()),
        ("disk, archived", size_text(found.archived_bytes)),
        ("log at the peak", f"{size_text(found.wal_peak_bytes_s)}/s"),
        ("log a day", size_text(found.wal_day_bytes)),
        ("log a day in the archive", size_text(found.archive_day_bytes)),
        ("shards", f"{found.shards} (by {found.shards_by})"),
        ("cells", f"{found.cells} (by {found.cells_by})"),
        ("web processes", f"{found.web_processes}"),
        ("memory of a worker for its books", size_text(found.worker_bytes)),
        ("take-over of a shard", f"{found.takeover_s:.1f} s"),
        ("restore of a cell", f"{found.restore_s / 3600:.2f} h"),
        ("verify_journal, a day's commands", f"{found.verify_core_hours_a_day:.2f} core hours"),
        *((f"cores busy at the peak: {name}", f"{cores:.2f}")
          for name, cores in found.cores_at_peak.items()),
    ]  # fmt: skip


def rows_of_comparison(found: list[Compared]) -> list[tuple[str, str]]:
    """Return predictions beside what was measured."""
    return [
        (
            one.what,
            f"predicted {one.predicted:,.0f}, measured {one.measured:,.0f}, {one.error:+.1%}",
        )
        for one in found
    ]


def print_rows(title: str, rows: list[tuple[str, str]]) -> None:
    """Print a table of two columns."""
    width = max(len(name) for name, _ in rows)
    print(f"\n{title}")
    for name, text in rows:
        print(f"  {name:<{width}}  {text}")
