"""Checkpoints that are damaged or forged are found out, and never begun from."""

import hashlib
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import msgspec
import pytest

from accounts.models import Account
from matching.models import Checkpoint, CheckpointPart, Market
from matching.worker.checkpoints import Unsound, make_checkpoint
from tests.integration.matching.checkpoint_setup import (
    LATER_US,
    change,
    settle_every_kind,
    verified,
)
from tests.integration.matching.worker_setup import Clock, DrivenWorker, driven_worker

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def worker(market: Market, ann: Account, bob: Account, clock: Clock) -> Iterator[DrivenWorker]:
    with driven_worker(clock_us=clock) as owner:
        yield owner


@pytest.fixture
def of_every_kind(
    worker: DrivenWorker, market: Market, ann: Account, bob: Account, clock: Clock
) -> Callable[[], None]:
    return partial(settle_every_kind, worker, market, ann, bob, clock.time_us + LATER_US)


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("UPDATE matching_checkpoint SET state_hash = repeat('0', 64)", "another checkpoint"),
        ("UPDATE matching_checkpoint SET journal_sequence = 3", "another checkpoint"),
        ("UPDATE matching_checkpoint SET digest = repeat('0', 64)", "another one than was stored"),
        ("DELETE FROM matching_checkpointpart WHERE number = 1", "part 1 of 2 is missing"),
        (
            "UPDATE matching_checkpointpart SET body = substring(body FOR 100) WHERE number = 1",
            "part 1 is cut off",
        ),
        (
            "UPDATE matching_checkpointpart SET body = overlay(body PLACING '\\xff' FROM 40)",
            "damaged",
        ),
    ],
)
def test_a_damaged_one_is_told_and_never_begun_from(
    worker: DrivenWorker, of_every_kind: Callable[[], None], statement: str, told: str
) -> None:
    of_every_kind()
    make_checkpoint(0)
    change(statement)

    with pytest.raises(Unsound, match=told):
        verified()
    differences = verified(None).differences
    assert any(told in difference for difference in differences), differences


def forge(edit: Callable[[Any], None], *, part: int = 1) -> None:
    """Change a body as somebody would who knows how it is written, its digest with it."""
    row = Checkpoint.objects.get()
    bodies = [
        bytes(stored.body)
        for stored in CheckpointPart.objects.filter(checkpoint=row).order_by("number")
    ]
    values = msgspec.json.decode(zlib.decompress(bodies[part]))
    edit(values)
    bodies[part] = zlib.compress(msgspec.json.encode(values))
    CheckpointPart.objects.filter(checkpoint=row, number=part).update(body=bodies[part])
    Checkpoint.objects.update(digest=hashlib.sha256(b"".join(bodies)).hexdigest())


def set_first_rate(orders: Any) -> None:
    orders[0]["maker_ppm"] += 1


def set_rules(head: Any) -> None:
    head["terms"][0]["rules"]["taker_fee_ppm"] += 1


def test_a_forged_order_has_another_hash(
    worker: DrivenWorker, of_every_kind: Callable[[], None]
) -> None:
    of_every_kind()
    make_checkpoint(0)
    forge(set_first_rate)

    with pytest.raises(Unsound, match="is not what it says"):
        verified()
    (difference,) = verified(None).differences
    assert "is not what it says" in difference


def test_forged_rules_are_found_by_a_replay_from_the_beginning(
    worker: DrivenWorker, of_every_kind: Callable[[], None]
) -> None:
    of_every_kind()
    make_checkpoint(0)
    forge(set_rules, part=0)

    (difference,) = verified(None).differences
    assert difference.endswith("its markets have other rules than the journal says")


def test_a_forged_one_whose_hashes_fit_is_found_by_both_replays(
    worker: DrivenWorker, market: Market, bob: Account, of_every_kind: Callable[[], None]
) -> None:
    """Whoever forges the order, the hash and the digest still has the journal against them."""
    of_every_kind()
    make_checkpoint(0)
    forge(set_first_rate)
    with pytest.raises(Unsound) as unsound:
        verified()
    forged_hash = str(unsound.value).split("has the hash ")[1].split(",")[0]
    forge(lambda head: head.update(state_hash=forged_hash), part=0)
    Checkpoint.objects.update(state_hash=forged_hash)

    begun = verified().differences
    assert len(begun) == 1
    assert begun[0].startswith("engine: ")
    assert any(d.startswith("checkpoint ") for d in verified(None).differences)


def test_one_of_a_point_that_the_journal_lacks_is_told(
    worker: DrivenWorker, of_every_kind: Callable[[], None]
) -> None:
    of_every_kind()
    make_checkpoint(0)
    Checkpoint.objects.update(journal_sequence=1_000)
    (difference,) = verified(None).differences
    assert difference.endswith("of command 1000, which the journal lacks")


def test_tables_that_were_changed_are_found_from_a_checkpoint_as_well(
    worker: DrivenWorker, market: Market, bob: Account, of_every_kind: Callable[[], None]
) -> None:
    make_checkpoint(0)
    of_every_kind()
    change("UPDATE matching_trade SET maker_fee = maker_fee + 1")
    change("UPDATE matching_order SET filled_quote = filled_quote + 1 WHERE status = 'filled'")
    assert [text.split()[0] for text in verified().differences] == ["order", "order", "trade"]
