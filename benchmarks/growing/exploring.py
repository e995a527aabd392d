"""Try a protocol in every order: all that may happen next, from each state that can be reached.

Every message that was sent may arrive in any later state, any number of times, or never: that is
loss, doubling and overtaking at once. A process keeps nothing between two commits, so a crash is a
state in which nothing follows from what it was about to do; ``then`` is what a living one goes on
to do.
"""

import random
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from benchmarks.growing.protocol import (
    FUNDING,
    PAID,
    REFUSED,
    SENT,
    Cell,
    Message,
    Row,
    Transfer,
    World,
    arrive,
    begin,
    is_clearing,
    send,
)
from benchmarks.growing.reconciling import reconcile


@dataclass(frozen=True, slots=True)
class Protocol:
    """Each step is one commit."""

    name: str
    begin: Callable[[World, Transfer], World]
    send: Callable[[World, Row], World]
    arrive: Callable[[World, Message], World]
    then: Callable[[World, Transfer], World] | None = None


TWO_STEPS = Protocol("two steps through clearing accounts", begin, send, arrive)


@dataclass(slots=True)
class Explored:
    """What was found in how many states."""

    protocol: str
    states: int = 0
    steps: int = 0
    broken: str = ""


def steps(protocol: Protocol, world: World, asked: Sequence[Transfer]) -> Iterator[World]:
    """Return every state that may follow; those that change nothing among them."""
    for transfer in asked:
        yield protocol.begin(world, transfer)
        if protocol.then is not None:
            yield protocol.then(world, transfer)
    for cell in world.cells:
        for row in sorted(cell.outgoing):
            yield protocol.send(world, row)
        for account, _ in sorted(cell.balances):
            if account != FUNDING and not is_clearing(account):
                # An operator closes and opens accounts meanwhile.
                yield world.with_cell(replace(cell, closed=cell.closed ^ {account}))
    for message in world.messages:
        yield protocol.arrive(world, message)


def explore(
    protocol: Protocol, start: World, asked: Sequence[Transfer], *, states_max: int
) -> Explored:
    """Visit every state that can be reached; stop at the first that breaks a rule."""
    found = Explored(protocol.name)
    seen, waiting = {start}, deque([start])
    while waiting:
        world = waiting.popleft()
        found.states += 1
        found.broken = broken_rule(protocol, start, world, asked)
        if found.broken:
            return found
        for following in steps(protocol, world, asked):
            found.steps += 1
            if following not in seen:
                if len(seen) >= states_max:
                    raise AssertionError(f"more than {states_max} states")
                seen.add(following)
                waiting.append(following)
    return found


def broken_rule(protocol: Protocol, start: World, world: World, asked: Sequence[Transfer]) -> str:
    """Return which rule a state breaks, "" for none.

    Nothing is made or lost: what people have, and what is on its way by the rows, is what there
    was. Nothing contradicts itself. And whatever happened so far, once messages arrive, all is
    concluded with each transfer paid once or returned.
    """
    if people(world) + on_its_way(world) != people(start):
        return "money was made or lost"
    if breaks := reconcile(world.cells):
        return breaks[0]
    end = drain(protocol, world)
    if on_its_way(end) or any(row.state == SENT for cell in end.cells for row in cell.outgoing):
        return "a transfer never ends"
    if people(end) != people(start):
        return "money was made or lost in the end"
    for transfer in asked:
        paid = sum(
            entry.account == transfer.payee and entry.transaction.startswith(f"{transfer.key}/")
            for entry in end.cell(transfer.payee_cell).entries
        )
        if paid > 1:
            return f"{transfer.key} was paid {paid} times"
    return ""


def people(world: World) -> int:
    """Return what all people have together."""
    return sum(
        units
        for cell in world.cells
        for account, units in cell.balances
        if account != FUNDING and not is_clearing(account)
    )


def on_its_way(world: World) -> int:
    """Return what was taken from payers and neither paid nor given back yet, by the rows."""
    total = 0
    for cell in world.cells:
        for row in cell.outgoing:
            if row.state == SENT:
                came = _incoming(world.cell(row.transfer.payee_cell), row.transfer)
                if came is None or came.state == REFUSED:
                    total += row.transfer.units
    return total


def _incoming(cell: Cell, transfer: Transfer) -> Row | None:
    return next((row for row in cell.incoming if row.transfer.key == transfer.key), None)


def drain(protocol: Protocol, world: World) -> World:
    """Let everything be sent and arrive until nothing changes: nobody asks for anything new."""
    while True:
        before = world
        for cell in world.cells:
            for row in sorted(cell.outgoing):
                world = protocol.send(world, row)
        for message in sorted(world.messages, key=lambda one: (one.transfer, one.outcome)):
            world = protocol.arrive(world, message)
        if world == before:
            return world


def wander(start: World, asked: Sequence[Transfer], *, seed: int, length: int) -> Iterator[World]:
    """Walk at random: transfers, messages that come twice or are all lost, closings, crashes."""
    rng = random.Random(seed)
    world = start
    for _ in range(length):
        if rng.random() < 0.02:
            world = replace(world, messages=frozenset())  # the queue began anew, empty
        else:
            following = [one for one in steps(TWO_STEPS, world, asked) if one != world]
            if following:
                world = rng.choice(following)
        yield world


def tampered(world: World) -> Iterator[tuple[str, World]]:
    """Return worlds in each of which somebody changed one thing behind the protocol's back."""
    for cell in world.cells:
        for account, units in sorted(cell.balances):
            others = cell.balances - {(account, units)}
            yield (
                f"balance of {account}",
                world.with_cell(replace(cell, balances=others | {(account, units + 1)})),
            )
        for number, entry in enumerate(cell.entries):
            others_of = cell.entries[:number] + cell.entries[number + 1 :]
            yield f"entry {entry} deleted", world.with_cell(replace(cell, entries=others_of))
            yield (
                f"entry {entry} changed",
                world.with_cell(
                    replace(cell, entries=(*others_of, replace(entry, units=entry.units + 1)))
                ),
            )
        for row in sorted(cell.incoming):
            if row.state == PAID:
                gone = replace(cell, incoming=cell.incoming - {row})
                yield f"incoming {row.transfer.key} deleted", world.with_cell(gone)
            larger = Row(replace(row.transfer, units=row.transfer.units + 1), row.state)
            yield (
                f"incoming {row.transfer.key} enlarged",
                world.with_cell(replace(cell, incoming=(cell.incoming - {row}) | {larger})),
            )
        for row in sorted(cell.outgoing):
            gone = replace(cell, outgoing=cell.outgoing - {row})
            yield f"outgoing {row.transfer.key} deleted", world.with_cell(gone)
        yield from _forged(world, cell)


def _forged(world: World, cell: Cell) -> Iterator[tuple[str, World]]:
    """Return worlds in which a cell took in, whole and balanced, what no other sent."""
    other = next(one for one in world.cells if one.name != cell.name)
    payee = next(a for a, _ in sorted(cell.balances) if a != FUNDING and not is_clearing(a))
    transfer = Transfer("forged", other.name, "nobody", cell.name, payee, 5)
    opened = world.with_cell(replace(cell, closed=frozenset()))
    yield "a transfer that nobody sent", arrive(opened, Message(transfer))
