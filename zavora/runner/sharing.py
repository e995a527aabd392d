"""Whether several web processes may listen on one port here."""

import sys


class CannotShare(OSError):
    """Several processes cannot listen on one port here; the message says why."""


def check_sharing() -> None:
    """Raise CannotShare where the system does not spread connections over listeners."""
    if sys.platform != "linux":
        # Elsewhere the option exists, and all connections go to who came last.
        raise CannotShare(
            "several web processes on one port (ZAVORA_WEB_REPLICAS) need Linux, whose kernel"
            " spreads connections over them; here run each on a port of its own behind a proxy"
        )
