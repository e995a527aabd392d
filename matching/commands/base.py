"""What every kind of command has: a wire struct, a name in the journal, and its way to the engine.

A ``Kind`` says all of one kind of command. The worker decides by it and the journal's replay runs
the same: both ask for ``steps`` with what the command was given, so a replay cannot differ.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar, Generic, Protocol, TypeVar

import msgspec

from accounts.money.balances import AccountFigures
from matching.engine.commands import Command as EngineCommand
from matching.engine.commands import FireSwitch, SetSwitch
from matching.engine.events import Event
from matching.markets.handing import HandedOver
from matching.markets.terms import AssetTerms, MarketTerms
from matching.wire import Halves, ListState
from zavora.foundation.errors import ValidationFailed
from zavora.foundation.money import NotExact

if TYPE_CHECKING:
    from matching.engine import Engine

# What the tables hold. A command beyond it cannot be journaled by its fields, so it is none: what
# is read from the queue is refused where it is decoded, and journaled as unreadable.
Id = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
ClientOrderId = Annotated[str, msgspec.Meta(max_length=64)]
Key = Annotated[str, msgspec.Meta(max_length=160)]
Figure = Annotated[str, msgspec.Meta(max_length=40)]


class WireCommand(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A command as it is queued and journaled: an array of its tag and its fields, as text.

    A field is only ever added at the end, with a default: journals are read for ever.
    """


class Given(msgspec.Struct, frozen=True, gc=False):
    """What a command is decided with beside the books: journaled, so that a replay has it too.

    ``fresh_id`` is a placed order's id, or an amended one's new priority; ``funds_units`` what the
    account has available of the asset it pays with, of ``funds_scale`` decimals (None: it needs no
    funds), ``owner_id`` whose account it is (0: not known).
    """

    time_us: int
    fresh_id: int = 0
    funds_units: int = 0
    maker_ppm: int = 0
    taker_ppm: int = 0
    owner_id: int = 0
    funds_scale: int | None = None


class Step(msgspec.Struct, frozen=True, gc=False):
    """One command of the engine, and the terms of the market that it concerns."""

    command: EngineCommand
    terms: MarketTerms


class Refused(Exception):
    """A command is refused before the engine sees it. ``limit``: the bound that it met; 0: none."""

    def __init__(self, reason: str, message: str, *, limit: int = 0) -> None:
        super().__init__(message)
        self.reason = reason
        self.limit = limit


class Shard(Protocol):
    """What a kind reads of a shard, in the worker and in a replay."""

    engine: "Engine"

    @property
    def shard_id(self) -> int:
        """Return which shard it is."""

    @property
    def assets(self) -> dict[int, AssetTerms]:
        """Return all assets by id."""

    def terms_here(self, market_id: int) -> MarketTerms:
        """Return a market's terms; raise Refused where it is not matched here."""

    def handed_over(self, handover_id: int) -> HandedOver:
        """Return what another shard let go to this one; raise Refused: there is nothing."""


class Batch(Shard, Protocol):
    """What a kind is decided with: the shard, and what was read from the tables for the batch."""

    time_us: int

    def new_id(self) -> int:
        """Return the next id of the shard."""

    def active_account(self, account_id: int) -> AccountFigures:
        """Return an account that may trade; raise Refused."""

    def available(self, account_id: int, asset_id: int) -> int:
        """Return what an account has available of an asset at this point, in smallest units."""

    def total(self, account_id: int, asset_id: int) -> int:
        """Return what an account has of an asset at this point, locked or not. Raises Crowded."""

    def watches(self, account_id: int, side: str, terms: MarketTerms, brings_units: int) -> bool:
        """Tell whether each step must be held against the room of balances. Raises Crowded."""

    def is_set_aside(self, market_id: int) -> bool:
        """Tell whether the market could not be loaded here."""


W = TypeVar("W", bound=WireCommand)


class Kind(Generic[W]):
    """One kind of command. Stateless; there is one object of each."""

    wire: type[W]
    # In the journal.
    name: ClassVar[str]
    # A cancel is queued where the backlog is full for everything else.
    is_cancel: ClassVar[bool] = False
    # It reads nothing but its account's figures and the books: a batch of such may be settled while
    # the next is decided.
    may_fly: ClassVar[bool] = False
    # The worker makes it when something is due; what comes by the stream as such is no command.
    is_workers_own: ClassVar[bool] = False
    # It is but a message of several commands, which are decided one after the other (``parts``).
    is_several: ClassVar[bool] = False
    # It may name an asset that was added since the shard was loaded.
    names_assets: ClassVar[bool] = False
    # Nothing else is settled by the same transaction: a market comes, or goes.
    stands_alone: ClassVar[bool] = False

    def is_own(self, command: W) -> bool:
        """Tell whether a command is none where it comes by the stream."""
        return self.is_workers_own

    def parts(self, command: W) -> Sequence[WireCommand]:
        """Return the commands that it consists of: itself, mostly."""
        return (command,)

    def account_ids(self, command: W) -> tuple[int, ...]:
        """Return the accounts whose status and funds the command is decided with."""
        return ()

    def messages(self, command: W) -> Sequence[tuple[int, int, int]]:
        """Return (account, market, how many) of the orders that the command places or amends.

        A market may limit them, and what they bring an account: whatever could buy is named, 0 of
        it where it is no order yet.
        """
        return ()

    def pays_with(self, command: W, shard: Shard) -> AssetTerms | None:
        """Return the asset that ``Given.funds_units`` counts; None: it needs no funds."""
        return None

    def given(self, command: W, batch: Batch) -> Given:
        """Return what the command is given; raise Refused for what the books need not tell."""
        return Given(batch.time_us)

    def steps(self, command: W, given: Given, shard: Shard) -> list[Step]:
        """Return the engine's commands; raise Refused where a figure does not fit the market."""
        return []

    def afterwards(
        self, command: W, given: Given, shard: Shard
    ) -> Sequence[SetSwitch | FireSwitch]:
        """Return the engine's commands that concern no market; they follow the steps."""
        return ()

    def check(self, command: W, given: Given, steps: list[Step], batch: Batch) -> None:
        """Raise Refused for what a new command must keep, and a journaled one kept."""

    def is_watched(self, command: W, step: Step, batch: Batch) -> bool:
        """Tell whether a step could bring a balance more than it has room for. Raises Crowded."""
        return False

    def handover_id(self, command: W) -> int | None:
        """Return which handover must be read for it; None: none."""
        return None

    def new_terms(self, command: W, steps: list[Step]) -> MarketTerms | None:
        """Return a market's terms once the command took effect; None: it changes none."""
        return None

    def list_of(self, command: W, given: Given) -> ListState | None:
        """Return the list of orders that the command placed as it took effect; None: none."""
        return None

    def halves_refused(self, events: Sequence[Event]) -> Halves | None:
        """Return why both halves of a command that has two were refused; None: it was as one."""
        return None

    def cancel_name(self, command: W) -> str:
        """Return what the client calls the command, if it is a cancel with a name."""
        return ""


def fitting(field: str, text: str | None, convert: Callable[[str], int]) -> int | None:
    """Return a figure as integer; raise Refused naming the field where it does not fit."""
    if text is None:
        return None
    try:
        return convert(text)
    except NotExact as error:
        raise Refused("validation_error", f"{field}: {error}") from None


def refused_rules(error: ValidationFailed) -> Refused:
    """Return the refusal of a market's rules, each wrong one by name."""
    named = "; ".join(f"{name}: {expected}" for name, expected in error.details.items())
    return Refused("validation_error", named or str(error))
