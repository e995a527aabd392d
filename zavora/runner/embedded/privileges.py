"""Run PostgreSQL although we are root, which it refuses to be.

In a user namespace where root's files belong to "nobody" it needs neither another user nor other
permissions on any folder. Where namespaces are not allowed (most containers) the system's
"nobody" runs it, with the one capability that lets it through to the data folder.
"""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from zavora.runner.home import HomeError

NOBODY = 65534


@dataclass(frozen=True, slots=True)
class RunAs:
    """What to put before a command, and who must own the files that the command works on."""

    prefix: tuple[str, ...]
    owner_uid: int


DIRECT = RunAs((), -1)
NAMESPACE = RunAs(("unshare", "--user", f"--map-user={NOBODY}", f"--map-group={NOBODY}"), 0)
SYSTEM_USER = RunAs(
    (
        "setpriv",
        f"--reuid={NOBODY}",
        f"--regid={NOBODY}",
        "--clear-groups",
        "--inh-caps=+dac_override",
        "--ambient-caps=+dac_override",
        # A change of user drops the request that the kernel ends us with our parent.
        "--pdeathsig=INT",
    ),
    NOBODY,
)


def run_as_for(program: Path) -> RunAs:
    """Return how this user can run ``program``, which refuses root. Raises HomeError."""
    if os.geteuid() != 0:
        return DIRECT
    for way in (NAMESPACE, SYSTEM_USER):
        if _works(way, program):
            return way
    raise HomeError(
        "PostgreSQL refuses to run as root, and neither a user namespace (unshare) nor another "
        "user (setpriv) is allowed here; run as an ordinary user, or set DATABASE_URL"
    )


def own(folder: Path, way: RunAs) -> None:
    """Give ``folder`` and what is in it to the user of ``way``, if it is not theirs already."""
    if way.owner_uid < 0 or folder.stat().st_uid == way.owner_uid:
        return
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            os.chown(Path(parent) / name, way.owner_uid, way.owner_uid, follow_symlinks=False)
    # Last, so that a run that was cut short starts over.
    os.chown(folder, way.owner_uid, way.owner_uid)


def _works(way: RunAs, program: Path) -> bool:
    try:
        return (
            subprocess.run(
                [*way.prefix, str(program), "--version"], capture_output=True, timeout=20
            ).returncode
            == 0
        )
    except (OSError, subprocess.SubprocessError):
        return False
