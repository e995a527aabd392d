"""``make reset``: wipe the state of an exchange that is not running."""

import argparse
import shutil
import sys

from zavora.runner.embedded.discovery import server_owner
from zavora.runner.home import Home, HomeError, home_from_environment, load_environment, owner_lock
from zavora.runner.processes import ProcessRecord


def wipe(home: Home) -> None:
    """Delete ``home`` with everything in it. Raises HomeError if it runs or is not ours."""
    if not home.is_ours:
        raise HomeError(f"ZAVORA_HOME={home.path} was not made by Zavora: nothing was deleted")
    with owner_lock(home, wait_s=0) as is_owner:
        if not is_owner:
            pid = server_owner(home.path)
            raise HomeError(
                f"ZAVORA_HOME={home.path} is in use by process {pid or '(unknown)'}: stop it "
                "first; nothing was deleted"
            )
        ProcessRecord(home.processes_file).end_leftovers()
        sockets = home.socket_folder()
        shutil.rmtree(home.path)
        if sockets.exists():
            shutil.rmtree(sockets)


def main() -> int:
    """Wipe the home that the environment names; return the exit code."""
    argparse.ArgumentParser(prog="python -m zavora.reset", description=__doc__).parse_args()
    load_environment()
    home = Home(home_from_environment())
    if not home.path.exists():
        print(f"{home.path} does not exist: nothing to delete")  # noqa: T201
        return 0
    try:
        wipe(home)
    except HomeError as error:
        print(f"make reset: {error}", file=sys.stderr)  # noqa: T201
        return 1
    print(f"Deleted {home.path}")  # noqa: T201
    return 0
