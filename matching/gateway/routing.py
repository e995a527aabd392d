"""Which shard matches a market: known from memory where somebody follows it, else from the tables.

Memory may be behind. A worker that does not match a market says ``wrong_shard``: then nothing took
effect, and the tables are asked where the command belongs.
"""

from collections.abc import Callable
from typing import NamedTuple

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


class Route(NamedTuple):
    """A market's shard; ``is_moving``: it is on its way there, and not matched anywhere yet."""

    shard_id: int
    is_moving: bool


def find_route(market_id: int) -> Route | None:
    """Return where the tables have a market, None where there is no such market."""
    found = Market.objects.filter(pk=market_id).values_list("shard_id", "handover_id").first()
    return None if found is None else Route(found[0], found[1] is not None)
