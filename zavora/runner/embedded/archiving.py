"""What makes our PostgreSQL archive its log and summarize it for incremental backups.

On where ``ZAVORA_BACKUP_DIR`` names a folder; ``zavora.backup`` is called for it, and reads it.
"""

import os
import shlex
import sys
from pathlib import Path
from typing import Final

DIR_VARIABLE: Final = "ZAVORA_BACKUP_DIR"
KEY_VARIABLE: Final = "ZAVORA_BACKUP_KEY"
KEY_FILE_VARIABLE: Final = "ZAVORA_BACKUP_KEY_FILE"
TIMEOUT_VARIABLE: Final = "ZAVORA_ARCHIVE_TIMEOUT_S"
# What was committed is in the archive after so long at the latest, if the disk goes.
TIMEOUT_S: Final = 60
MAJOR_OF_SUMMARIES: Final = 17
_PROJECT_DIR: Final = Path(__file__).resolve().parents[3]


def is_archiving() -> bool:
    """Return whether the environment asks for an archive."""
    return bool(os.environ.get(DIR_VARIABLE))


def missing_for_archiving() -> str:
    """Return what is missing for the archive that is asked for; empty if nothing is."""
    if not is_archiving() or os.environ.get(KEY_VARIABLE) or os.environ.get(KEY_FILE_VARIABLE):
        return ""
    return f"{DIR_VARIABLE} is set, but neither {KEY_VARIABLE} nor {KEY_FILE_VARIABLE}"


def archive_settings(major: int) -> dict[str, str]:
    """Return the server's settings of the archive; none where it is not asked for."""
    if not is_archiving():
        return {}
    return {
        "archive_mode": "on",
        "archive_command": command_line("archive", '"%p" "%f"'),
        "archive_timeout": os.environ.get(TIMEOUT_VARIABLE) or str(TIMEOUT_S),
        **({"summarize_wal": "on"} if major >= MAJOR_OF_SUMMARIES else {}),
    }


def command_line(act: str, places: str) -> str:
    """Return how PostgreSQL's shell archives a file, or fetches one; ``places`` as it fills in."""
    program = f"{shlex.quote(sys.executable)} -m zavora.backup.archive {act}".replace("%", "%%")
    return f"{program} {places}"


def archive_environment() -> dict[str, str]:
    """Return the variables of a server that archives: it runs in another folder than we do."""
    found = {"PYTHONPATH": str(_PROJECT_DIR)}
    for name in (DIR_VARIABLE, KEY_FILE_VARIABLE):
        if path := os.environ.get(name):
            found[name] = str(Path(path).resolve())
    return found
