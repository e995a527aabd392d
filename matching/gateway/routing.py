"""Which shard matches a market: known from memory where somebody follows it, else from the tables.

Memory may be behind. A worker that does not match a market says ``wrong_shard``: then nothing took
effect, and the tables are asked where the command belongs.
"""

from collections.abc import Callable

from matching.commands.base import WireCommand
from matching.models import Market

# A market's shard by its id; None where that is not known.
ShardOf = Callable[[int], int | None]


def unknown(_market_id: int) -> int | None:
    """Know no market: each is asked of the tables."""
    return None


def market_of(command: WireCommand) -> int:
    """Return the market of a command. Raises TypeError for one that goes to a whole shard."""
    market_id: int | None = getattr(command, "market_id", None)
    if market_id is None:
        raise TypeError("a command for a whole shard is routed by who sends it")
    return market_id


def find_shard(market_id: int) -> int | None:
    """Return a market's shard as the tables have it, None where there is no such market."""
    return Market.objects.filter(pk=market_id).values_list("shard_id", flat=True).first()
