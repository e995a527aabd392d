"""Homes of exchanges as they were once their tables were filled, kept for a run of tests."""

import atexit
import contextlib
import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

# Where homes lie as they were right after their tables were filled, for all that begin the same
# way. Processes that run tests side by side share the folder that this variable names.
STATES_VARIABLE: Final = "ZAVORA_TEST_STATES"


def states_folder() -> Path:
    """Return the folder of kept homes; the process that made it deletes it when it ends."""
    if STATES_VARIABLE not in os.environ:
        folder = tempfile.mkdtemp(prefix="zavora-test-states-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        os.environ[STATES_VARIABLE] = folder
    return Path(os.environ[STATES_VARIABLE])


@contextlib.contextmanager
def kept_state(name: str) -> Iterator[Path]:
    """Hold the lock of a kept state; the folder is not there until somebody keeps it."""
    state = states_folder() / name
    with state.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield state


def keep_state(home: Path, state: Path) -> None:
    """Keep the tables and secrets of a home whose PostgreSQL is stopped."""
    unfinished = state.with_suffix(".new")
    unfinished.mkdir()
    copy_state(home, unfinished)
    unfinished.rename(state)


def copy_state(source: Path, target: Path) -> None:
    """Copy the tables and secrets of a home, owners and modes too."""
    for name in ("postgres", "secrets"):
        shutil.rmtree(target / name, ignore_errors=True)
        subprocess.run(["cp", "-a", source / name, target / name], check=True)
