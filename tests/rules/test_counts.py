"""The rules by which repeated spellings are counted, on texts of a line or two."""

import pytest

from scripts.count_spellings import (
    command_kinds,
    is_generated,
    is_product,
    multiplying,
    outboxes,
    socket_loops,
    spelling,
    subscriptions,
)


@pytest.mark.parametrize(
    ("path", "is_counted"),
    [
        ("matching/wire.py", True),
        ("frontend/src/ticket.ts", True),
        ("templates/includes/ticket.html", True),
        ("matching/migrations/0001_initial.py", False),
        ("frontend/src/link/generated.ts", False),
        ("tests/terms.py", False),
        ("docs/api.md", False),
        ("benchmarks/flow.py", False),
    ],
)
def test_the_product_is_counted_and_nothing_else(path: str, is_counted: bool) -> None:
    assert is_product(path) is is_counted


def test_what_is_generated_says_so_at_its_top() -> None:
    assert is_generated("frontend/src/link/api.ts", "// Generated from the OpenAPI document.\n")
    assert not is_generated("frontend/src/a.ts", "x();\n" * 99 + "// generated")


@pytest.mark.parametrize("text", ["time_in_force", "TIME_IN_FORCE = {}"])
def test_a_field_is_found_in_every_spelling(text: str) -> None:
    assert spelling("time_in_force")({"a.ts": text, "b.ts": "in force for a time"}) == ["a.ts"]


@pytest.mark.parametrize(
    ("text", "is_counted"),
    [
        ("price * lots * rules.tick_lot_units", True),
        ("units *= tick_lot_units", True),
        ("left // (abs(key) * tick_lot_units)", True),
        ("MarketRules(tick_lot_units=5 * 2)", False),
        ("lots * rules.lot_units", False),
    ],
)
def test_only_products_with_the_figure_count(text: str, is_counted: bool) -> None:
    assert bool(multiplying("tick_lot_units")({"a.py": text})) is is_counted


def test_loops_that_read_a_socket_are_told_from_those_that_read_a_body() -> None:
    loop = "async def read():\n    while True:\n        message = await receive()\n"
    sources = {
        "api/a.py": loop + '        print(message == "websocket.receive")\n',
        "api/b.py": loop + '        print(message == "http.request")\n',
        "zavora/c.py": loop + '        print(message == "websocket.receive")\n',
    }

    assert socket_loops(sources) == ["api/a.py:2"]


def test_outboxes_and_subscriptions_are_counted_where_they_are_made() -> None:
    of_the_queue = "from zavora.foundation.queue import Subscription\nSubscription()\n"
    sources = {
        "api/a.py": "class FastOutbox: ...",
        "api/b.py": "class Subscription: ...\nSubscription()",
        "api/c.py": of_the_queue,
        "matching/d.py": "client.pubsub()",
        "marketdata/candles/e.py": "client.pubsub()",
        "zavora/foundation/queue.py": "client.pubsub()",
    }

    assert outboxes(sources) == ["api/a.py:1"]
    assert subscriptions(sources) == ["api/c.py:2", "matching/d.py:1"]


@pytest.mark.parametrize(
    ("text", "is_counted"),
    [
        ("if kind is wire.PlaceOrder: ...", True),
        ("isinstance(command, PlaceOrder | AmendOrder)", True),
        ('KINDS = {PlaceOrder: "place"}', True),
        ("Command = PlaceOrder | CancelOrder", True),
        ("match command:\n    case wire.PlaceOrder(): ...", True),
        ("command = wire.PlaceOrder(1, 2)", False),
        ("def place(command: wire.PlaceOrder) -> None: ...", False),
    ],
)
def test_kinds_count_where_they_are_told_apart(text: str, is_counted: bool) -> None:
    assert bool(command_kinds({"matching/a.py": text})) is is_counted


def test_the_table_of_commands_is_one_place() -> None:
    table = {f"matching/commands/{name}.py": "KINDS = {PlaceOrder: 1}" for name in "ab"}

    assert command_kinds(table) == ["matching/commands/"]
