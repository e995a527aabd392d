"""Money between two cells: two ledger transfers through clearing accounts, joined by a message.

A cell is one PostgreSQL: what one function here returns is what one transaction of it commits.
Nothing else is kept anywhere, so a process that dies loses nothing but its messages, and those may
be lost, doubled and overtaken at will.

    1. ``begin``, at the payer's cell: payer -> clearing, and an outgoing row in state *sent*.
    2. ``take_in``, at the payee's cell: clearing -> payee, and an incoming row with the outcome;
       where the payee cannot be paid, the row alone. A message that comes again gets the same
       outcome.
    3. ``conclude``, at the payer's cell: the outgoing row becomes *settled*; where the outcome was
       refused, clearing -> payer and *returned*.

Entries of each transaction sum to zero in its cell. Amounts are smallest units of one asset.
"""

from dataclasses import dataclass, field, replace
from typing import Final

SENT: Final = "sent"
SETTLED: Final = "settled"
RETURNED: Final = "returned"
PAID: Final = "paid"
REFUSED: Final = "refused"
FUNDING: Final = "funding"


@dataclass(frozen=True, slots=True, order=True)
class Transfer:
    """What somebody asked for; ``key`` makes a repetition the same request."""

    key: str
    payer_cell: str
    payer: str
    payee_cell: str
    payee: str
    units: int


@dataclass(frozen=True, slots=True, order=True)
class Entry:
    """A line of a cell's ledger."""

    transaction: str
    account: str
    units: int


@dataclass(frozen=True, slots=True, order=True)
class Row:
    """An outgoing or incoming transfer as its cell knows it."""

    transfer: Transfer
    state: str


@dataclass(frozen=True, slots=True)
class Cell:
    """The tables of one cell. Balances are stored beside the entries, as the product does."""

    name: str
    entries: tuple[Entry, ...] = ()
    balances: frozenset[tuple[str, int]] = frozenset()
    outgoing: frozenset[Row] = frozenset()
    incoming: frozenset[Row] = frozenset()
    closed: frozenset[str] = frozenset()

    def balance(self, account: str) -> int:
        """Return an account's balance."""
        return dict(self.balances).get(account, 0)

    def post(self, transaction: str, moves: dict[str, int]) -> "Cell":
        """Return the cell with balanced entries added."""
        if sum(moves.values()) != 0:
            raise AssertionError(f"{transaction} does not balance: {moves}")
        balances = dict(self.balances)
        for account, units in moves.items():
            balances[account] = balances.get(account, 0) + units
        added = [Entry(transaction, account, units) for account, units in sorted(moves.items())]
        return replace(
            self,
            # In no order: what differs by the order of independent transactions is one state.
            entries=tuple(sorted([*self.entries, *added])),
            balances=frozenset(balances.items()),
        )


@dataclass(frozen=True, slots=True)
class Message:
    """A transfer on its way to the payee's cell, or (with an outcome) its answer."""

    transfer: Transfer
    outcome: str = ""


@dataclass(frozen=True, slots=True)
class World:
    """All cells, and every message that was ever sent: each may arrive at any time, or never."""

    cells: tuple[Cell, ...]
    messages: frozenset[Message] = field(default_factory=frozenset)

    def cell(self, name: str) -> Cell:
        """Return a cell by its name."""
        return next(cell for cell in self.cells if cell.name == name)

    def with_cell(self, changed: Cell) -> "World":
        """Return the world after a commit of one cell."""
        cells = tuple(changed if cell.name == changed.name else cell for cell in self.cells)
        return replace(self, cells=cells)


def clearing(cell: str) -> str:
    """Return the account that stands for money on its way to or from another cell."""
    return f"clearing:{cell}"


def is_clearing(account: str) -> bool:
    """Tell whether an account is one of those."""
    return account.startswith("clearing:")


def funded(name: str, **balances: int) -> Cell:
    """Return a cell whose accounts have money that came from outside."""
    cell = Cell(name)
    for account, units in balances.items():
        cell = cell.post(f"fund-{account}", {FUNDING: -units, account: units})
    return cell


def begin(world: World, transfer: Transfer) -> World:
    """Take the money from the payer. Again with the same key, or without the money: nothing."""
    cell = world.cell(transfer.payer_cell)
    if any(row.transfer.key == transfer.key for row in cell.outgoing):
        return world
    if transfer.units <= 0 or cell.balance(transfer.payer) < transfer.units:
        return world
    moved = cell.post(
        f"{transfer.key}/begin",
        {transfer.payer: -transfer.units, clearing(transfer.payee_cell): transfer.units},
    )
    return world.with_cell(replace(moved, outgoing=moved.outgoing | {Row(transfer, SENT)}))


def send(world: World, row: Row) -> World:
    """Send what is not concluded, whenever and as often as one likes."""
    if row.state != SENT:
        return world
    return replace(world, messages=world.messages | {Message(row.transfer)})


def take_in(world: World, message: Message) -> World:
    """Pay the payee once; answer each time with what became of it."""
    transfer = message.transfer
    cell = world.cell(transfer.payee_cell)
    known = next((row for row in cell.incoming if row.transfer.key == transfer.key), None)
    if known is None:
        known = Row(transfer, REFUSED if transfer.payee in cell.closed else PAID)
        if known.state == PAID:
            cell = cell.post(
                f"{transfer.key}/take-in",
                {clearing(transfer.payer_cell): -transfer.units, transfer.payee: transfer.units},
            )
        world = world.with_cell(replace(cell, incoming=cell.incoming | {known}))
    answer = Message(transfer, known.state)
    return replace(world, messages=world.messages | {answer})


def conclude(world: World, message: Message) -> World:
    """Note the outcome; give back what was refused. Again: nothing."""
    transfer = message.transfer
    cell = world.cell(transfer.payer_cell)
    row = Row(transfer, SENT)
    if row not in cell.outgoing:
        return world
    state = SETTLED if message.outcome == PAID else RETURNED
    if state == RETURNED:
        cell = cell.post(
            f"{transfer.key}/return",
            {clearing(transfer.payee_cell): -transfer.units, transfer.payer: transfer.units},
        )
    outgoing = (cell.outgoing - {row}) | {Row(transfer, state)}
    return world.with_cell(replace(cell, outgoing=outgoing))


def arrive(world: World, message: Message) -> World:
    """Let a message arrive, for whichever time."""
    return conclude(world, message) if message.outcome else take_in(world, message)
