"""How connections of this API end, by the published codes."""

from typing import Final

from api.transport.outbox import Closing, Patience, Policy

CLOSE_GOING: Final = 1001
CLOSE_REFUSED: Final = 1008  # the client broke a rule
CLOSE_LATER: Final = 1013  # try again
GONE: Final = Closing(CLOSE_GOING, "The client has gone.", "gone")
OLD: Final = Closing(CLOSE_GOING, "24 hours are over.", "old")
SLOW: Final = Closing(CLOSE_REFUSED, "You read too slowly.", "slow")
SILENT: Final = Closing(CLOSE_REFUSED, "You neither follow nor say anything.", "silent")
BEGIN_ANEW: Final = Closing(CLOSE_LATER, "Begin anew.", "later")

# Who follows streams and reads no answers is ended; who calls is answered no more until it reads.
STREAMS: Final = Policy(SLOW, Patience.NONE)
CALLS: Final = Policy(SLOW, Patience.LENGTH)
