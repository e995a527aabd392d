"""One set of words everywhere: engine, wire, tables, both APIs, their document and the page."""

import ast
import re
import typing

import msgspec
import pytest
from drf_spectacular.generators import SchemaGenerator

from api.binance.words import reports
from api.v1 import words
from matching.commands import TABLE
from matching.commands.cancel import CancelOrder
from matching.commands.due import FireTimer
from matching.commands.place import PlaceOrder
from matching.engine import commands, events, orders, rules
from matching.models import Market, Order, OrderConditions, TrailMark
from tests.rules import exceptions
from tests.rules.source import ROOT, last_name, python_files, require_only, tree_of

# The engine's words, the choices of the tables, and how v1 spells them.
ENUMERATIONS = {
    "side": (orders.Side, Order.Side, words.SIDE),
    "order type": (orders.OrderType, Order.Type, words.ORDER_TYPE),
    "time in force": (orders.TimeInForce, Order.TimeInForce, words.TIME_IN_FORCE),
    "status": (orders.OrderStatus, Order.Status, words.STATUS),
    "phase": (rules.MarketPhase, Market.Phase, words.PHASE),
    "self-trade scope": (rules.SelfTradeScope, Market.SelfTradeScope, words.SELF_TRADE_SCOPE),
}
# Where v1's document shows them: schema and property.
DOCUMENTED = {
    ("Order", "side"): words.SIDE,
    ("Order", "order_type"): words.ORDER_TYPE,
    ("Order", "time_in_force"): words.TIME_IN_FORCE,
    ("Order", "status"): words.STATUS,
    ("Market", "state"): words.PHASE,
    ("Market", "self_trade_scope"): words.SELF_TRADE_SCOPE,
    ("Fill", "side"): words.SIDE,
    ("PlaceOrderIn", "side"): words.SIDE,
    ("PlaceOrderIn", "order_type"): words.ORDER_TYPE,
}
# A union of texts in TypeScript is one of these enumerations if it has this word.
TELLING = {"Buy": words.SIDE, "PartiallyFilled": words.STATUS, "IOC": words.TIME_IN_FORCE}
UNION = re.compile(r'(?:\|?\s*"[A-Za-z]+"\s*\|\s*)+"[A-Za-z]+"')
# Words that stand in tables and have no spelling of v1's own.
STORED = {
    "self-trade mode": (orders.SelfTradeMode, OrderConditions.SelfTrade),
    "trigger": (orders.TriggerKind, OrderConditions.Trigger),
    "trigger's price": (orders.TriggerReference, OrderConditions.TriggerBy),
    "trigger's state": (orders.TriggerState, OrderConditions.TriggerState),
    "reference": (rules.Reference, TrailMark.Reference),
}
REFUSALS = frozenset({"OrderRejected", "Refused"})


@pytest.mark.parametrize("name", ENUMERATIONS)
def test_engine_tables_and_v1_have_the_same_words(name: str) -> None:
    engine, choices, spelled = ENUMERATIONS[name]

    assert set(choices.values) == set(typing.get_args(engine))
    assert set(spelled) == set(typing.get_args(engine))


@pytest.mark.parametrize("name", STORED)
def test_engine_and_tables_have_the_same_words(name: str) -> None:
    engine, choices = STORED[name]

    assert set(choices.values) == set(typing.get_args(engine)) - {""}


def test_the_compatible_api_spells_every_word() -> None:
    assert set(reports.SIDES) == set(words.SIDE)
    assert set(reports.TIMES_IN_FORCE) == set(words.TIME_IN_FORCE)
    assert set(reports.STATUSES) == set(words.STATUS)


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

    assert shown == {where: set(spelled.values()) for where, spelled in DOCUMENTED.items()}


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
        assert all(union >= set(spelled.values()) for union in known)
        more |= set().union(*known) - set(spelled.values())

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
    # What is due by the clock is one kind, and a command of the engine each.
    due = typing.get_args(typing.get_type_hints(FireTimer)["what"])
    assert len(tags) == len(TABLE)
    assert len(TABLE) - 1 + len(due) == len(typing.get_args(commands.Command))


def _enumeration(schemas: dict, schema: str, name: str) -> set[str]:
    """Return the words that a property may have."""
    shown = schemas[schema]["properties"][name]
    while "$ref" in shown:
        shown = schemas[shown["$ref"].rsplit("/", 1)[1]]
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
