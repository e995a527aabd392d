"""Conditions of orders on their way from the queue to the engine, and in what a key is bound to."""

from hashlib import blake2b
from typing import Any

import msgspec
import pytest

from matching.commands import decode_command, encode, fingerprint
from matching.commands.amend import AmendOrder
from matching.commands.base import Given, Refused
from matching.commands.place import PlaceOrder, placed
from matching.conditions import Conditions
from matching.engine import orders
from matching.engine.commands import Place
from matching.engine.orders import UNCONDITIONAL
from tests.terms import btc_usd

PLAIN = PlaceOrder(
    5, 1, "buy", "limit", "gtc", False, "1.50", "2", None, "mine", None, 1_790_000_000_000
)
AMEND = AmendOrder(5, 1, 77, "1.50", None, "key", 1_790_000_000_000)
MARKET = {"order_type": "market", "time_in_force": "ioc", "price": None}
STOP = {"trigger": "stop", "trigger_price": "3"}
AT_US = 1_800_000_000_000_000


def asking(**asked: Any) -> PlaceOrder:
    """Return the plain order with other fields of its own and, by their names, conditions."""
    own = {name: asked.pop(name) for name in list(asked) if name in PlaceOrder.__struct_fields__}
    return msgspec.structs.replace(PLAIN, conditions=Conditions(**asked), **own)


def given_to_the_engine(command: PlaceOrder) -> Place:
    return placed(command, Given(1, 99), btc_usd())


@pytest.mark.parametrize("command", [PLAIN, asking()])
def test_an_order_without_conditions_shares_those_of_all_others(command: PlaceOrder) -> None:
    assert given_to_the_engine(command).terms.conditions is UNCONDITIONAL


def test_conditions_reach_the_engine_as_ticks_and_lots() -> None:
    trailing = asking(
        **MARKET,
        self_trade="decrement",
        protection_price="4",
        trigger="take_profit",
        trigger_by="opposite",
        trail_price="0.25",
        activation_price="2",
    )
    terms = btc_usd()

    assert given_to_the_engine(trailing).terms.conditions == orders.Conditions(
        self_trade="decrement",
        protection_ticks=terms.price_to_ticks("4"),
        trigger="take_profit",
        trigger_by="opposite",
        trail_ticks=terms.price_to_ticks("0.25"),
        activation_ticks=terms.price_to_ticks("2"),
    )
    iceberg = asking(
        time_in_force="gtd", post_only=True, slides=True, expires_us=AT_US, display_quantity="0.5"
    )
    assert given_to_the_engine(iceberg).terms.conditions == orders.Conditions(
        expires_us=AT_US, slides=True, display_lots=terms.quantity_to_lots("0.5")
    )


@pytest.mark.parametrize(
    ("field", "asked"),
    [
        ("expires_us", {"time_in_force": "gtd"}),
        ("expires_us", {"expires_us": AT_US}),
        ("expires_us", {"time_in_force": "day", "expires_us": AT_US}),
        ("expires_us", {"time_in_force": "gtd", "expires_us": 0}),
        ("expires_us", {"time_in_force": "gtd", "expires_us": 2**62}),
        ("time_in_force", MARKET | {"time_in_force": "day"}),
        ("time_in_force", MARKET | {"time_in_force": "gtd", "expires_us": AT_US}),
        ("slides", {"slides": True}),
        ("display_quantity", {"time_in_force": "ioc", "display_quantity": "1"}),
        ("display_quantity", MARKET | {"display_quantity": "1"}),
        ("display_quantity", {"display_quantity": "0"}),
        ("protection_price", {"protection_price": "2"}),
        ("protection_price", MARKET | {"protection_price": "2.00000000001"}),
        ("trigger", {"trigger_price": "2"}),
        ("trigger", {"trail_price": "2"}),
        ("trigger", {"trail_bps": 20}),
        ("trigger", {"activation_price": "2"}),
        ("trigger_by", {"trigger_by": "opposite"}),
        ("trigger_price", {"trigger": "stop"}),
        ("trigger_price", STOP | {"trail_bps": 20}),
        ("trigger_price", {"trigger": "stop", "trail_bps": 20, "trail_price": "1"}),
        ("trigger_price", STOP | {"trigger_price": "-3"}),
        ("activation_price", STOP | {"activation_price": "2"}),
        ("trail_bps", {"trigger": "stop", "trail_bps": 0}),
        ("trail_bps", {"trigger": "stop", "trail_bps": 10_000}),
        ("trail_price", {"trigger": "stop", "trail_price": "0"}),
    ],
)
def test_conditions_that_do_not_go_together_are_refused_by_name(
    field: str, asked: dict[str, Any]
) -> None:
    with pytest.raises(Refused) as refused:
        given_to_the_engine(asking(**asked))

    assert refused.value.reason == "validation_error"
    assert str(refused.value).startswith(f"{field}: expected ")


@pytest.mark.parametrize(
    "asked",
    [
        {"time_in_force": "day"},
        MARKET | STOP | {"time_in_force": "gtd", "expires_us": AT_US},
        MARKET | STOP | {"quantity": None, "quote_quantity": "10"},
        STOP | {"time_in_force": "day", "display_quantity": "1", "post_only": True, "slides": True},
        STOP | {"time_in_force": "fok"},
        {"trigger": "take_profit", "trail_bps": 9_999},
    ],
)
def test_conditions_that_go_together_pass(asked: dict[str, Any]) -> None:
    assert given_to_the_engine(asking(**asked)).order_id == 99


def test_keys_of_former_versions_stay_bound_to_their_requests() -> None:
    place = ("PlaceOrder", tuple(msgspec.structs.astuple(PLAIN)[:10]))
    amend = ("AmendOrder", (5, 1, 77, "1.50", None))

    for command, content in ((PLAIN, place), (asking(), place), (AMEND, amend)):
        digest = blake2b(msgspec.msgpack.encode(content), digest_size=16).digest()
        assert fingerprint(command) == digest
    # As former versions bound it, byte for byte.
    assert fingerprint(PLAIN).hex() == "2d38de6eda526be9ff5669460c9101b7"
    assert fingerprint(AMEND).hex() == "d0c956b19e7c9e17989c3a4b804907b0"


def test_a_key_is_bound_to_the_conditions_of_its_order() -> None:
    asked = [
        asking(self_trade="maker"),
        asking(self_trade="both"),
        asking(**STOP),
        asking(**STOP, trigger_by="opposite"),
        asking(display_quantity="3"),
        msgspec.structs.replace(AMEND, trigger_price="3"),
    ]

    assert len({fingerprint(command) for command in [PLAIN, AMEND, *asked]}) == 8


def test_commands_of_former_versions_are_read() -> None:
    for command in (PLAIN, AMEND):
        former = msgspec.msgpack.decode(encode(command))
        former = former[: 13 if command is PLAIN else 8]
        assert decode_command(msgspec.msgpack.encode(former)) == command
