"""One set of words everywhere: engine, wire, tables, both APIs, their document and the page."""

import ast
import itertools
import re
import typing
from typing import Any

import msgspec
import pytest
from drf_spectacular.generators import SchemaGenerator

from api.binance.words import reports
from api.v1 import order_words, words
from matching import wire
from matching.commands import TABLE
from matching.commands.cancel import CancelOrder
from matching.commands.due import FireTimer
from matching.commands.place import PlaceOrder
from matching.engine import commands, events, orders, rules
from matching.models import Market, Order, OrderConditions, OrderList, TrailMark
from tests.rules import exceptions
from tests.rules.source import ROOT, last_name, python_files, require_only, tree_of

# The engine's words, the choices of the tables, and how v1 spells them.
ENUMERATIONS = {
    "side": (orders.Side, Order.Side, order_words.SIDE),
    "order type": (orders.OrderType, Order.Type, order_words.ORDER_TYPE),
    "time in force": (orders.TimeInForce, Order.TimeInForce, order_words.TIME_IN_FORCE),
    "status": (orders.OrderStatus, Order.Status, order_words.STATUS),
    "phase": (rules.MarketPhase, Market.Phase, words.PHASE),
    "self-trade scope": (rules.SelfTradeScope, Market.SelfTradeScope, words.SELF_TRADE_SCOPE),
}
# Where v1's document shows them: schema and property.
DOCUMENTED = {
    ("Order", "side"): order_words.SIDE,
    ("Order", "order_type"): order_words.ORDER_TYPES,
    ("Order", "time_in_force"): order_words.TIME_IN_FORCE,
    ("Order", "status"): order_words.STATUSES,
    ("Order", "trigger_by"): order_words.TRIGGER_BY,
    ("Order", "post_only_mode"): order_words.POST_ONLY_MODE,
    ("Order", "self_trade_prevention"): order_words.SELF_TRADE,
    ("Market", "self_trade_prevention"): order_words.SELF_TRADE,
    ("Market", "self_trade_preventions"): order_words.SELF_TRADE,
    ("Market", "state"): words.PHASE,
    ("Market", "self_trade_scope"): words.SELF_TRADE_SCOPE,
    ("Fill", "side"): order_words.SIDE,
    ("PlaceOrderIn", "side"): order_words.SIDE,
    ("PlaceOrderIn", "order_type"): order_words.ORDER_TYPES,
    ("PlaceOrderIn", "trigger_by"): order_words.TRIGGER_BY,
    ("PlaceOrderIn", "post_only_mode"): order_words.POST_ONLY_MODE,
    ("PlaceOrderIn", "self_trade_prevention"): order_words.SELF_TRADE,
}
# What the document shows in another way, or not at all.
SPELLED = {
    "self-trade mode": (orders.SelfTradeMode, order_words.SELF_TRADE),
    "trigger reference": (orders.TriggerReference, order_words.TRIGGER_BY),
    "change": (wire.ChangeKind, order_words.CHANGE),
}
# A union of texts in TypeScript is one of these enumerations if it has this word.
TELLING = {
    "Buy": order_words.SIDE,
    "StopLimit": order_words.ORDER_TYPES,
    "PartiallyFilled": order_words.STATUSES,
    "IOC": order_words.TIME_IN_FORCE,
    "Decrement": order_words.SELF_TRADE,
}
UNION = re.compile(r'(?:\|?\s*"[A-Za-z]+"\s*\|\s*)+"[A-Za-z]+"')
# Words of the tables that v1 spells otherwise, or not at all.
STORED = {
    "self-trade mode": (orders.SelfTradeMode, OrderConditions.SelfTrade),
    "trigger": (orders.TriggerKind, OrderConditions.Trigger),
    "trigger's price": (orders.TriggerReference, OrderConditions.TriggerBy),
    "trigger's state": (orders.TriggerState, OrderConditions.TriggerState),
    "reference": (rules.Reference, TrailMark.Reference),
    "leg": (orders.Leg, OrderConditions.Leg),
    "list": (wire.ListKind, OrderList.Kind),
}
REFUSALS = frozenset({"OrderRejected", "Refused"})


@pytest.mark.parametrize("name", ENUMERATIONS)
def test_engine_tables_and_v1_have_the_same_words(name: str) -> None:
    engine, choices, spelled = ENUMERATIONS[name]

    assert set(choices.values) == set(typing.get_args(engine))
    assert set(spelled) == set(typing.get_args(engine))


@pytest.mark.parametrize("name", SPELLED)
def test_v1_spells_every_word_of_the_engine(name: str) -> None:
    engine, spelled = SPELLED[name]

    assert set(spelled) == set(typing.get_args(engine))


def test_v1_has_a_word_for_each_way_to_wait() -> None:
    kinds = {order_words.engine_type(name, "1") for name in order_words.WAITING_TYPES}
    both = [typing.get_args(words) for words in (orders.TriggerKind, orders.OrderType)]
    assert kinds == set(itertools.product(*both))
    assert set(order_words.WAITING_STATUS) == orders.WAITING


@pytest.mark.parametrize("name", STORED)
def test_engine_and_tables_have_the_same_words(name: str) -> None:
    engine, choices = STORED[name]

    assert set(choices.values) == set(typing.get_args(engine)) - {""}


def test_the_compatible_api_spells_every_word() -> None:
    assert set(reports.SIDES) == set(order_words.SIDE)
    assert set(reports.TIMES_IN_FORCE) == set(order_words.TIME_IN_FORCE)
    assert set(reports.STATUSES) == set(order_words.STATUS)


def test_the_wire_takes_the_engines_words() -> None:
    fields = typing.get_type_hints(PlaceOrder)

    assert typing.get_args(fields["side"]) == typing.get_args(orders.Side)
    assert typing.get_args(fields["order_type"]) == typing.get_args(orders.OrderType)
    assert typing.get_args(fields["time_in_force"]) == typing.get_args(orders.TimeInForce)
    reasons = typing.get_args(typing.get_type_hints(CancelOrder)["reason"])
    assert set(reasons) <= set(typing.get_args(orders.CloseReason))


def test_the_document_shows_the_words_of_v1() -> None:
    schemas = SchemaGenerator().get_schema(public=True)["components"]["schemas"]

    shown = {where: _enumeration(schemas, *where) for where in DOCUMENTED}

    assert shown == {where: _words(spelled) for where, spelled in DOCUMENTED.items()}


def test_the_page_knows_the_words_of_v1() -> None:
    unions = [
        set(re.findall(r'"([A-Za-z]+)"', found))
        for path in (ROOT / "frontend/src").rglob("*.ts")
        for found in UNION.findall(path.read_text())
    ]
    more: set[str] = set()
    for telling, spelled in TELLING.items():
        known = [union for union in unions if telling in union]
        assert known, f"the page has no list of words with {telling}"
        assert all(union >= _words(spelled) for union in known)
        more |= set().union(*known) - _words(spelled)

    require_only(more, exceptions.WORDS_OF_THE_PAGE, "words that v1 does not have")


def test_every_reason_of_a_refusal_is_given() -> None:
    given = {
        constant.value
        for call in _calls()
        if last_name(call.func) in REFUSALS
        for constant in _texts(call)
    }

    silent = set(typing.get_args(events.RejectReason)) - given

    require_only(silent, exceptions.REASONS_NOBODY_GIVES["reject"], "reasons nobody gives")


def test_every_reason_of_an_end_is_given() -> None:
    # A phase is also a word in a call, and "halted" is one.
    given = {
        constant.value
        for call in _calls()
        if "Phase" not in last_name(call.func)
        for constant in _texts(call)
    } | {
        field.default
        for kind in (commands.Cancel, CancelOrder)
        for field in msgspec.structs.fields(kind)
    }

    silent = set(typing.get_args(orders.CloseReason)) - given - {""}

    require_only(silent, exceptions.REASONS_NOBODY_GIVES["close"], "reasons nobody gives")


def test_every_command_has_one_name_and_a_twin_in_the_engine() -> None:
    tags = {kind.wire.__struct_config__.tag for kind in TABLE}

    assert tags == {kind.name for kind in TABLE}
    # What is due by the clock is one kind, and a command of the engine each; a message of several
    # is none.
    due = typing.get_args(typing.get_type_hints(FireTimer)["what"])
    assert len(tags) == len(TABLE)
    several = sum(kind.is_several for kind in TABLE)
    assert len(TABLE) - several - 1 + len(due) == len(typing.get_args(commands.Command))


def _words(spelled: Any) -> set[str]:
    """Return the words of v1: of a table of the engine's, or of all that there are."""
    return set(spelled.values() if isinstance(spelled, dict) else spelled)


def _enumeration(schemas: dict, schema: str, name: str) -> set[str]:
    """Return the words that a property may have."""
    shown = schemas[schema]["properties"][name]
    while "enum" not in shown:
        if "$ref" in shown:
            shown = schemas[shown["$ref"].rsplit("/", 1)[1]]
        else:  # of a list, or beside null
            shown = shown.get("items") or shown["anyOf"][0]
    return set(shown["enum"])


def _calls() -> list[ast.Call]:
    return [
        node
        for path in python_files("matching/engine", "matching/commands", "matching/worker")
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call)
    ]


def _texts(call: ast.Call) -> list[ast.Constant]:
    arguments = [*call.args, *(keyword.value for keyword in call.keywords)]
    return [
        argument
        for argument in arguments
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
    ]
