"""The codec keeps what a former version wrote readable, and its keys bound to the same request."""

from hashlib import blake2b

import msgspec

from matching import wire
from matching.commands import decode_command, fingerprint
from matching.commands.cancel import CancelOrder
from matching.commands.place import PlaceOrder

CANCEL = CancelOrder(5, 1, 77, None, "key", "name")


def test_a_cancel_of_a_former_version_is_read() -> None:
    former = msgspec.msgpack.encode(["cancel", 5, 1, 77, None, "key", "name"])
    assert decode_command(former) == CANCEL


def test_conditions_do_not_change_what_a_key_is_bound_to() -> None:
    content = msgspec.msgpack.encode(("CancelOrder", (5, 1, 77, None)))
    assert fingerprint(CANCEL) == blake2b(content, digest_size=16).digest()


def test_conditions_travel_with_the_cancel() -> None:
    order = PlaceOrder(
        5, 1, "buy", "limit", "gtc", False, "1.00", "2", None, "mine", None, 1_790_000_000_000
    )
    sent = msgspec.structs.replace(CANCEL, only_status="new", replacement=order)
    assert decode_command(wire.encode(sent)) == sent
