"""Homes of exchanges as they were once their tables were filled, kept for a run of tests."""

import atexit
import os
import shutil
import subprocess
import tempfile
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


def copy_state(source: Path, target: Path) -> None:
    """Copy the tables and secrets of a home, owners and modes too."""
    for name in ("postgres", "secrets"):
        shutil.rmtree(target / name, ignore_errors=True)
        subprocess.run(["cp", "-a", source / name, target / name], check=True)
