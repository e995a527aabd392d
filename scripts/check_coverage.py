"""Print what the last `make coverage` reached of each package; fail below a floor.

Lines and branches together, in per cent. Floors only rise: a change that no test reaches lowers the
figure of its package, and is noticed here.
"""

import json
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

from coverage import Coverage

# What is proved whole, as long as it is code: the engine, and every line that moves money.
WHOLE = ("accounts/money/ledger.py", "matching/engine/", "zavora/foundation/money.py")
# A little below what was measured: random runs and the machine's pace reach more or less.
# What only runs in a process of its own (web servers, commands, the demo) is asked from outside
# by other tests, which this does not see.
FLOORS = {
    "accounts": 97,
    "accounts/access": 98,
    "accounts/admin": 97,
    "accounts/keys": 94,
    "accounts/management": 97,
    "accounts/money": 96,
    "accounts/pages": 95,
    "accounts/people": 92,
    "all": 73,
    "api/access": 57,
    "api/binance": 53,
    "api/transport": 86,
    "api/v1": 62,
    "marketdata": 96,
    "marketdata/candles": 95,
    "marketdata/feed": 90,
    "marketdata/management": 68,
    "matching": 97,
    "matching/admin": 95,
    "matching/engine": 100,
    "matching/gateway": 88,
    "matching/management": 22,
    "matching/markets": 90,
    "matching/orders": 63,
    "matching/worker": 92,
    "zavora": 39,
    "zavora/demo": 5,
    "zavora/foundation": 88,
    "zavora/management": 21,
    "zavora/pages": 78,
    "zavora/runner": 74,
    "zavora/serving": 12,
}


def main() -> int:
    """Print the figures; return 1 where one is below its floor, or a whole file is not whole."""
    reached: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    failures = []
    for name, found in sorted(_measured().items()):
        summary = found["summary"]
        done = summary["covered_lines"] + summary["covered_branches"]
        all_of_it = summary["num_statements"] + summary["num_branches"]
        for package in (_package(name), "all"):
            reached[package][0] += done
            reached[package][1] += all_of_it
        if name.startswith(WHOLE) and done < all_of_it:
            lines, jumps = found["missing_lines"], found["missing_branches"]
            failures.append(f"{name}: lines {lines}, jumps {jumps} are not reached")
    for package, (done, all_of_it) in sorted(reached.items()):
        share = 100 * done / all_of_it if all_of_it else 100.0
        floor = FLOORS.get(package, 0)
        print(f"{package:<24} {share:6.1f} %  (at least {floor})")
        if share < floor:
            failures.append(f"{package}: {share:.1f} % is below {floor}")
    failures += [f"{package} is measured no more" for package in sorted(FLOORS.keys() - reached)]
    print("\n".join(failures))
    return 1 if failures else 0


def _measured() -> dict[str, Any]:
    """Return coverage's own report, by file."""
    coverage = Coverage()
    coverage.load()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "coverage.json"
        coverage.json_report(outfile=str(path))
        files: dict[str, Any] = json.loads(path.read_text())["files"]
    return files


def _package(name: str) -> str:
    """Return the room a file stands in: two folders, or the app for its own files."""
    return "/".join(name.split("/")[:-1][:2])


if __name__ == "__main__":
    sys.exit(main())
