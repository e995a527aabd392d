"""What is refused of moves of markets."""

from collections.abc import Mapping
from typing import Final

from accounts.access.actor import Permission
from matching import moving
from tests.actors import SYSTEM
from tests.rules.refusing import Call, all_but

REFUSED_MARKETS: Final[Mapping[str, tuple[Call, ...]]] = {
    "move_market": (
        lambda ann, bob: moving.move_market(
            by=all_but(Permission.CHANGE_MARKET), symbol="USD/EUR", to_shard=1
        ),
        lambda ann, bob: moving.move_market(by=SYSTEM, symbol="USD/EUR", to_shard=62),
    ),
}
