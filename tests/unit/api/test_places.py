"""What a web process knows of orders: never another order's account, and never more memory."""

import random
import sys

from api.v1.places import SLOT_BITS, Places
from matching.orders.ids import IdSequence


def ids(count: int) -> list[int]:
    """Return ids as a shard gives them: many of one millisecond, then a pause."""
    draw, sequence, time_us = random.Random(1), IdSequence(shard_id=3, last=0), 10**15 * 2
    found = []
    for _ in range(count):
        time_us += draw.choice((0, 0, 0, 10_000))
        sequence.start_at(time_us)
        found.append(sequence.next())
    return found


def test_an_order_is_known_by_its_account_and_market() -> None:
    places = Places()
    places.put(5, 7, 9)
    assert places.get(5) == (7, 9)
    assert places.get(6) is None


def test_nothing_is_known_at_first_not_even_of_numbers_that_no_order_has() -> None:
    places = Places()
    assert [places.get(number) for number in (-1, 0, 1, 2**63 - 1, 2**80)] == [None] * 5


def test_an_order_is_never_taken_for_another_however_many_there_are() -> None:
    places, numbers = Places(), ids(3 << SLOT_BITS)
    for number in numbers:
        places.put(number, number % 1_009, number % 97)
    found = {number: places.get(number) for number in numbers}
    known = {number: place for number, place in found.items() if place is not None}
    assert all(place == (number % 1_009, number % 97) for number, place in known.items())
    assert found[numbers[-1]] is not None
    # By chance a part of 1/e is never written over by as many others as there are slots.
    lately = numbers[-(1 << SLOT_BITS) // 10 :]
    assert sum(number in known for number in lately) / len(lately) > 0.9


def test_it_takes_as_much_memory_at_the_end_as_at_the_beginning() -> None:
    places = Places()
    before = sum(sys.getsizeof(getattr(places, name)) for name in Places.__slots__)
    for number in ids(1 << SLOT_BITS):
        places.put(number, 1, 1)
    assert sum(sys.getsizeof(getattr(places, name)) for name in Places.__slots__) == before
