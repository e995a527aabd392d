"""How connections of v1 end, by the documented codes."""

from typing import Final

from api.transport.outbox import Closing, Patience, Policy

CREDENTIAL_ENDED: Final = Closing(4001, why="auth")
RESYNC: Final = Closing(4008, why="slow")
TOO_MANY: Final = Closing(4029)
SILENT: Final = Closing(4030, why="silent")
GONE: Final = Closing(1006, why="gone")

# Public messages are skipped by whoever reads too slowly, private ones are not; who reads no
# answers is asked nothing more until it does.
POLICY: Final = Policy(RESYNC, Patience.ALL)
