"""The programs that the Makefile starts say what they take, and do nothing when only asked."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from zavora.runner.home import PROJECT_DIR

PROGRAMS = (
    "zavora.run",
    "zavora.reset",
    "zavora.serving",
    "benchmarks",
    "examples.freqtrade.trial",
)


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_tells_its_usage_without_settings(program: str, tmp_path: Path) -> None:
    env = {**os.environ, "ZAVORA_HOME": str(tmp_path / "home")}
    for name in ("DJANGO_SETTINGS_MODULE", "SECRET_KEY"):
        env.pop(name, None)

    told = subprocess.run(
        [sys.executable, "-m", program, "--help"],
        cwd=PROJECT_DIR,
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert told.returncode == 0, told.stderr
    assert told.stdout.startswith("usage: ")
    assert not (tmp_path / "home").exists()
