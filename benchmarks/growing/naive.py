"""Protocols that look simpler and lose or make money: the controls of ``exploring``."""

from dataclasses import replace
from typing import Final

from benchmarks.growing.exploring import Protocol
from benchmarks.growing.protocol import (
    PAID,
    Message,
    Transfer,
    World,
    begin,
    clearing,
    conclude,
    send,
)


def _take_in_each(world: World, message: Message) -> World:
    """Pay whenever a message comes: nothing says that it came before."""
    if message.outcome:
        return conclude(world, message)
    transfer = message.transfer
    cell = world.cell(transfer.payee_cell)
    times = sum(entry.transaction.startswith(f"{transfer.key}/") for entry in cell.entries) // 2
    if times >= 2:  # once too often is enough to see, and keeps the model finite
        return world
    paid = cell.post(
        f"{transfer.key}/take-in-{times}",
        {clearing(transfer.payer_cell): -transfer.units, transfer.payee: transfer.units},
    )
    world = world.with_cell(paid)
    return replace(world, messages=world.messages | {Message(transfer, PAID)})


def _begin_and_forget(world: World, transfer: Transfer) -> World:
    """Take the money and send the message, with no row that somebody could send anew from."""
    before = world.cell(transfer.payer_cell)
    begun = begin(world, transfer)
    after = begun.cell(transfer.payer_cell)
    return begun if after is before else begun.with_cell(replace(after, outgoing=frozenset()))


def _pay_at_once(world: World, transfer: Transfer) -> World:
    """Pay the payee in a second commit right after the first, if the process still lives."""
    key = f"{transfer.key}/pay"
    payer, payee = world.cell(transfer.payer_cell), world.cell(transfer.payee_cell)
    if any(entry.transaction == key for entry in payee.entries):
        return world
    if not any(entry.transaction == f"{transfer.key}/begin" for entry in payer.entries):
        return world
    moves = {clearing(transfer.payer_cell): -transfer.units, transfer.payee: transfer.units}
    return world.with_cell(payee.post(key, moves))


# What comes again is paid again.
NO_IDEMPOTENCY: Final = Protocol("no idempotency at the payee", begin, send, _take_in_each)
# One step for both cells: whatever ends between the two commits leaves money nowhere.
ONE_STEP: Final = Protocol(
    "one step over both cells",
    _begin_and_forget,
    send,
    lambda world, _: world,
    then=_pay_at_once,
)
