"""The proof of an order: its way through journal, trades and ledger, for who may read it."""

from collections.abc import Iterable
from typing import Any

from accounts.access.callers import SCOPE_READ, Caller
from api.transport.threads import read_lasting
from api.v1 import order_words, words
from api.v1.cursors import next_cursor
from api.v1.fields import order_id_of
from api.v1.fitting import terms_of_id
from api.v1.order_words import Shape
from api.v1.times import moment_text, time_text
from matching.markets.terms import MarketTerms
from matching.proof import JournalEntry, Proof, Step, get_proof
from matching.rows.amendments import amendment_state
from matching.rows.orders import state_of_row
from matching.rows.prevented import prevented_state
from matching.rows.trades import trade_state
from zavora.foundation.errors import OrderNotFound
from zavora.foundation.money import format_decimal


async def of_order(
    caller: Caller, order_id: str, *, limit: int, after_id: int | None
) -> tuple[Shape, str | None]:
    """Return the proof of one of the caller's orders, and the cursor of its next steps, if any."""
    caller.require(SCOPE_READ)
    number = order_id_of(order_id)
    if number is None:
        raise OrderNotFound("There is no such order.")
    account_ids = list(caller.accounts.values())
    proof = await read_lasting(
        get_proof, number, account_ids=account_ids, after_id=after_id or 0, limit=limit + 1
    )
    terms = terms_of_id(proof.order.market_id)
    following = next_cursor([step.id for step in proof.steps], limit)
    return _shape(caller, proof, terms, proof.steps[:limit]), following


def _shape(caller: Caller, proof: Proof, terms: MarketTerms, steps: Iterable[Step]) -> Shape:
    row = proof.order
    account_id = next(public for public, pk in caller.accounts.items() if pk == row.account_id)
    order = order_words.order(state_of_row(row, terms), terms, account_id)
    is_open = order["status"] in ("New", "PartiallyFilled", *order_words.WAITING_STATUS.values())
    return {
        "order": order,
        "placed": _placed(proof),
        "steps": [_step(step, proof, terms) for step in steps],
        "ended": None if is_open else _ended(proof, order),
        "fees": _fees(proof, terms),
    }


def _placed(proof: Proof) -> Shape:
    entry, written_us = proof.placed, proof.written_us
    received_us = None if entry is None else entry.received_us
    took = None
    if received_us is not None and written_us is not None:
        took = max(0, written_us - received_us) // 1_000
    return {
        "received_at": None if received_us is None else time_text(received_us),
        "decided_at": moment_text(proof.order.created_at),
        "written_at": None if written_us is None else time_text(written_us),
        "milliseconds": took,
        "journal": _journal(entry),
    }


def _ended(proof: Proof, order: Shape) -> Shape:
    return {
        "status": order["status"],
        "reason": order["reason"],
        "at": order["updated_at"],
        "journal": _journal(proof.ended),
    }


def _journal(entry: JournalEntry | None) -> Shape | None:
    if entry is None:
        return None
    return {
        "shard": entry.shard_id,
        "sequence": entry.sequence,
        "command": entry.kind,
        "request_id": entry.request_id or None,
    }


def _step(step: Step, proof: Proof, terms: MarketTerms) -> Shape:
    shape: dict[str, Any] = {
        "at": moment_text(step.row.created_at),
        "amendment": None,
        "fill": None,
        "prevention": None,
        "journal": _journal(proof.asked.get(step.id)),
        "entries": [words.ledger_entry(entry) for entry in proof.entries.get(step.id, ())],
    }
    row, order_id = step.row, proof.order.pk
    if step.kind == "amended":
        shape["amendment"] = order_words.amendment(amendment_state(row, terms), terms)
    elif step.kind == "trade":
        is_maker = row.maker_order_id == order_id
        shape["fill"] = words.fill(trade_state(row, terms), terms, is_maker=is_maker)
    else:
        shape["prevention"] = order_words.prevention(prevented_state(row, terms), order_id)
    return {"change": order_words.CHANGE[step.kind], **shape}


def _fees(proof: Proof, terms: MarketTerms) -> list[Shape]:
    """Return what all fills cost, by asset; a rebate is below zero."""
    fees: list[Shape] = []
    for amount in (proof.fees, proof.rebates):
        if amount:
            asset = terms.fee_asset(str(amount), buys=proof.order.side == "buy")
            text = format_decimal(amount, asset.scale)
            fees.append({"asset": asset.code, "amount": text})
    return fees
