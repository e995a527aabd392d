"""Write the table of metrics in docs/operations.md: what ``zavora/foundation/metrics.py`` declares.

``python scripts/metrics_table.py`` writes it; with ``--check`` it only compares, and ends with 1
where the document says something else.
"""

import os
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
PAGE: Final = ROOT / "docs/operations.md"
BEGIN: Final = "<!-- scripts/metrics_table.py writes from here -->\n"
END: Final = "<!-- to here -->\n"


def table() -> str:
    """Return the table, in the order of the catalogue."""
    from zavora.foundation.metrics import CATALOGUE, ROLES  # noqa: PLC0415  (needs the path)

    lines = ["| metric | kind | labels | told by | what |", "|---|---|---|---|---|"]
    for one in CATALOGUE.values():
        roles = "all" if one.roles == ROLES else ", ".join(one.roles)
        labels = ", ".join(f"`{label}`" for label in one.labels)
        lines.append(f"| `{one.name}` | {one.kind} | {labels} | {roles} | {one.text} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Write, or compare; return the exit code."""
    sys.path.insert(0, str(ROOT))
    # No secret is needed; without one given, settings would make a home to keep one in.
    os.environ.setdefault("SECRET_KEY", "unused")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "zavora.settings")
    text = PAGE.read_text()
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    written = f"{before}{BEGIN}{table()}{END}{after}"
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(written)
    elif written != text:
        print("docs/operations.md: its table of metrics is old: run scripts/metrics_table.py")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
