"""The trial of months against whole tables, small: its parts work, its figures are not judged."""

import subprocess
import sys

import pytest
from django.conf import settings


@pytest.mark.timeout(300)
def test_months_are_held_against_whole_tables() -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "benchmarks.partitions"),
            *("--trades", "5000", "--seconds", "0.5", "--rounds", "1", "--lenient"),
        ],
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2_000:]
    for figure in ("commands/s: months", "a market's newest 50", "refused straight", "restore"):
        assert figure in done.stdout
