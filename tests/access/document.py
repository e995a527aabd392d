"""The tables of docs/security.md, written there by ``make access-tables``."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from tests.access import page_rules, rules, stream_rules
from tests.access.rules import Rule

DOCUMENT: Final = Path(__file__).resolve().parents[2] / "docs" / "security.md"
BEGIN: Final = "<!-- From here on: written by `make access-tables`. -->"
END: Final = "<!-- To here. -->"
Cell = Callable[[str, Rule, str], str]


def table(calls: Mapping[str, Rule], callers: Sequence[str], cell: Cell) -> str:
    """Return a table: a row for each call, a column for each caller."""
    lines = [
        "| call | asks for | " + " | ".join(callers) + " |",
        "|---|---|" + "---|" * len(callers),
    ]
    for call, rule in calls.items():
        cells = " | ".join(cell(call, rule, caller) for caller in callers)
        words = rule.words + (" (form)" if rule.by_form else "")
        lines.append(f"| `{call}` | {words} | {cells} |")
    return "\n".join(lines)


def sections() -> dict[str, str]:
    """Return the text of each section, by its title."""
    from tests.admin_walk import markdown

    sockets = ["| address | what speaks there |", "|---|---|"]
    sockets += [f"| `{path}` | {what} |" for path, what in stream_rules.SOCKET_PATHS.items()]
    return {
        "The v1 API": table(rules.V1, rules.V1_CALLERS, rules.v1_cell),
        "The v1 socket": table(rules.SOCKET, rules.SOCKET_CALLERS, rules.socket_cell),
        "The compatible API": table(rules.COMPAT, rules.COMPAT_CALLERS, rules.compat_cell),
        "Its WebSocket API": table(rules.ws_api_rules(), rules.WS_API_CALLERS, rules.compat_cell),
        "Its streams": table(
            stream_rules.stream_rules(), stream_rules.STREAM_CALLERS, stream_rules.stream_cell
        ),
        "Addresses of sockets": "\n".join(sockets),
        "Pages and forms": table(page_rules.PAGES, page_rules.PAGE_CALLERS, page_rules.page_cell),
        "The operators' pages": markdown(),
    }


def generated() -> str:
    """Return what stands between the two marks."""
    return "\n\n".join(f"### {title}\n\n{text}" for title, text in sections().items())


def written() -> str:
    """Return what stands there now."""
    return DOCUMENT.read_text().partition(BEGIN)[2].partition(END)[0].strip()


def main() -> None:
    """Write the tables into the document."""
    head, _, rest = DOCUMENT.read_text().partition(BEGIN)
    _, _, tail = rest.partition(END)
    DOCUMENT.write_text(f"{head}{BEGIN}\n\n{generated()}\n\n{END}{tail}")


if __name__ == "__main__":
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "zavora.settings")
    django.setup()
    main()
