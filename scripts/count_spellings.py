"""Count in how many places the code says the same thing, and hold each count below a maximum.

An idea that is spelled in one place costs one change; in twenty, twenty. The counts only fall:
``--check`` fails above the maximum in force, which is lowered with the code until it is the goal.

    python scripts/count_spellings.py [--check] [--revision REV] [--files]
"""

import argparse
import ast
import functools
import io
import re
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = (
    "accounts/", "api/", "frontend/src/", "marketdata/", "matching/", "templates/", "zavora/",
)  # fmt: skip
SUFFIXES = (".css", ".html", ".lua", ".py", ".sql", ".ts")
# Written from the OpenAPI document, not by hand: its name or its first lines say so.
GENERATED = re.compile(r"generated|\.d\.ts$")
TOP_LENGTH = 200
COMMANDS = frozenset(
    {
        "AmendOrder", "CancelAllOrders", "CancelOrder", "ConfigureMarket", "FireTimer",
        "PlaceOrder", "SetMarketPhase", "SetTimer",
    }
)  # fmt: skip

Sources = Mapping[str, str]


@dataclass(frozen=True)
class Count:
    """One thing that is counted: the rule in a sentence, the maximum in force, and the goal."""

    name: str
    rule: str
    find: Callable[[Sources], list[str]]
    count_max: int
    goal: int


# --- what is read ---------------------------------------------------------------------------------


def is_product(path: str) -> bool:
    """Return whether a file is the product's own text: no test, document, migration or build."""
    return (
        path.startswith(FOLDERS)
        and path.endswith(SUFFIXES)
        and "/migrations/" not in path
        and not GENERATED.search(path)
    )


def is_generated(path: str, text: str) -> bool:
    """Return whether a script says at its top that a program wrote it."""
    return path.endswith(".ts") and "generated" in text[:TOP_LENGTH].lower()


def sources_of_tree(root: Path = ROOT) -> dict[str, str]:
    """Return the text of the product's files as they stand in the working tree, by path."""
    found = (file for folder in FOLDERS for file in (root / folder).rglob("*") if file.is_file())
    paths = sorted(file.relative_to(root).as_posix() for file in found)
    texts = {path: (root / path).read_text() for path in paths if is_product(path)}
    return {path: text for path, text in texts.items() if not is_generated(path, text)}


def sources_of_revision(revision: str, root: Path = ROOT) -> dict[str, str]:
    """Return the text of the product's files in a commit, by path."""
    found: dict[str, str] = {}
    with tarfile.open(fileobj=io.BytesIO(_git(root, "archive", revision))) as archive:
        for member in archive:
            if is_product(member.name) and (content := archive.extractfile(member)):
                found[member.name] = content.read().decode()
    return {path: text for path, text in found.items() if not is_generated(path, text)}


def _git(root: Path, *arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True).stdout


def _trees(sources: Sources, folder: str = "") -> Iterator[tuple[str, ast.Module]]:
    for path, text in sources.items():
        if path.endswith(".py") and path.startswith(folder):
            yield path, _parsed(text)


_parsed = functools.cache(ast.parse)


def _last_name(node: ast.AST) -> str:
    """Return the last word of a name or of an attribute, else nothing."""
    return getattr(node, "attr", "") or getattr(node, "id", "")


# --- what is counted ------------------------------------------------------------------------------


def spelling(word: str) -> Callable[[Sources], list[str]]:
    """Return what finds the files with ``word``, in small or capital letters."""
    pattern = re.compile(word, re.IGNORECASE)
    return lambda sources: [path for path, text in sources.items() if pattern.search(text)]


def multiplying(name: str) -> Callable[[Sources], list[str]]:
    """Return what finds the files that multiply something by ``name``."""

    def is_product_with_it(node: ast.AST) -> bool:
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
            return name in (_last_name(node.left), _last_name(node.right))
        return (
            isinstance(node, ast.AugAssign)
            and isinstance(node.op, ast.Mult)
            and name in (_last_name(node.target), _last_name(node.value))
        )

    return lambda sources: [
        path for path, tree in _trees(sources) if any(map(is_product_with_it, ast.walk(tree)))
    ]


def socket_loops(sources: Sources) -> list[str]:
    """Return the loops that read a WebSocket's messages, as ``path:line``."""
    return [
        f"{path}:{node.lineno}"
        for path, tree in _trees(sources, "api/")
        if '"websocket.' in sources[path]
        for node in ast.walk(tree)
        if isinstance(node, ast.While | ast.For | ast.AsyncFor)
        and any(
            isinstance(part, ast.Call) and _last_name(part.func) in ("receive", "_receive")
            for part in ast.walk(node)
        )
    ]


def outboxes(sources: Sources) -> list[str]:
    """Return the classes that queue what a socket sends, as ``path:line``."""
    return [
        f"{path}:{node.lineno}"
        for path, tree in _trees(sources)
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and node.name.endswith("Outbox")
    ]


def subscriptions(sources: Sources) -> list[str]:
    """Return the places where a web process begins to listen to the queue, as ``path:line``."""
    found = []
    for path, tree in _trees(sources):
        # Candles are counted by a process of their own; the client's own code is not a listener.
        if path.startswith(("marketdata/candles/", "zavora/foundation/")):
            continue
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
        names = {"pubsub"} | ({"Subscription"} if _imports_subscription(tree) else set())
        found += [f"{path}:{call.lineno}" for call in calls if _last_name(call.func) in names]
    return found


def _imports_subscription(tree: ast.Module) -> bool:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            origins = {f"{node.module}.{alias.name}" for alias in node.names}
            if origins & {"zavora.foundation.queue.Subscription", "zavora.foundation.queue"}:
                return True
    return False


def command_kinds(sources: Sources) -> list[str]:
    """Return where the kinds of commands are told apart: a branch, a table or a union."""
    places = set()
    for path, tree in _trees(sources):
        if any(_tells_apart(node) for node in ast.walk(tree)):
            # One object a kind, in one room: that is one place.
            is_table = path.startswith("matching/commands/")
            places.add("matching/commands/" if is_table else path)
    return sorted(places)


def _tells_apart(node: ast.AST) -> bool:
    """Return whether a node compares with kinds of commands or holds several of them."""
    match node:
        case ast.Compare(comparators=parts) | ast.Set(elts=parts) | ast.Tuple(elts=parts):
            pass
        case ast.Dict(keys=keys):
            parts = [key for key in keys if key is not None]
        case ast.Call(func=ast.Name(id="isinstance"), args=[_, kinds]):
            parts = list(ast.walk(kinds))
        case ast.Assign(value=ast.BinOp(op=ast.BitOr()) as union):
            parts = list(ast.walk(union))
        case ast.MatchClass(cls=kind):
            parts = [kind]
        case _:
            return False
    return any(_last_name(part) in COMMANDS for part in parts)


COUNTS = (
    Count(
        "order's fields",
        "files that spell time_in_force or TIME_IN_FORCE",
        spelling("time_in_force"),
        count_max=14,
        goal=14,
    ),
    Count(
        "market's rules",
        "files that spell min_notional or MIN_NOTIONAL",
        spelling("min_notional"),
        count_max=9,
        goal=9,
    ),
    Count(
        "amounts",
        "Python files in which something is multiplied by tick_lot_units",
        multiplying("tick_lot_units"),
        count_max=1,
        goal=1,
    ),
    Count(
        "socket loops",
        "loops in api/ that call receive(), in modules that name a websocket.* message",
        socket_loops,
        count_max=1,
        goal=1,
    ),
    Count(
        "outboxes",
        "classes called ...Outbox",
        outboxes,
        count_max=1,
        goal=1,
    ),
    Count(
        "subscriptions",
        "calls of pubsub() or Subscription() outside the foundation and the candles' own process",
        subscriptions,
        count_max=2,
        goal=1,
    ),
    Count(
        "command kinds",
        "files that branch on, tabulate or unite kinds of commands (matching/commands/ is one)",
        command_kinds,
        count_max=2,
        goal=2,
    ),
)


def main() -> int:
    """Print the counts; return 1 where ``--check`` finds one above its maximum."""
    parser = argparse.ArgumentParser(description="Count the places that say the same thing.")
    parser.add_argument("--check", action="store_true", help="fail above a maximum")
    parser.add_argument("--revision", help="count in this commit instead of the working tree")
    parser.add_argument("--files", action="store_true", help="name the places, too")
    arguments = parser.parse_args()
    sources = sources_of_revision(arguments.revision) if arguments.revision else sources_of_tree()
    excesses = 0
    for count in COUNTS:
        places = count.find(sources)
        is_above = arguments.check and len(places) > count.count_max
        excesses += is_above
        note = "  <- too many" if is_above else ""
        if count.goal <= len(places) < count.count_max:
            note = f"  <- lower the maximum to {len(places)}"
        print(
            f"{count.name:<15} {len(places):>3}  (at most {count.count_max}, goal {count.goal})"
            f"  {count.rule}{note}"
        )
        if arguments.files or is_above:
            print("".join(f"    {place}\n" for place in places), end="")
    return 1 if excesses else 0


if __name__ == "__main__":
    sys.exit(main())
