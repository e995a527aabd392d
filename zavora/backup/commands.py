"""Run ``manage.py`` on a database that was brought back beside, as a process of its own."""

import os
import subprocess
import sys
from typing import Final

from zavora.backup.errors import BackupError
from zavora.runner.embedded.discovery import OWNER_URL_VARIABLE
from zavora.runner.home import PROJECT_DIR

# The queue of the exchange that goes on is none of its business: nothing answers here.
_NO_QUEUE: Final = "redis://127.0.0.1:1/0"
_WORDS_TOLD_MAX: Final = 4_000


def run_manage(url: str, *arguments: str) -> str:
    """Run a command on the database ``url``, as its owner, and return what it said.

    Raises BackupError where it fails.
    """
    done = subprocess.run(
        [sys.executable, str(PROJECT_DIR / "manage.py"), *arguments],
        env={
            **os.environ, "DATABASE_URL": url, OWNER_URL_VARIABLE: "", "REDIS_URL": _NO_QUEUE,
            # It stands alone, and nobody is answered from it.
            "ZAVORA_REQUIRE_SYNC_REPLICA": "0",
            "LOG_LEVEL": "ERROR",
        },
        cwd=PROJECT_DIR, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    if done.returncode != 0:
        raise BackupError(f"{arguments[0]}: {done.stdout.strip()[-_WORDS_TOLD_MAX:]}")
    return done.stdout
