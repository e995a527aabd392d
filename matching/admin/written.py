"""Operators' pages of what the workers write, all to look at: orders, trades, journal, events."""

from typing import Any, Final

import msgspec
from django.contrib import admin
from django.http import HttpRequest

from accounts.admin.look_ups import ACCOUNT_WORDS, of_account
from matching import wire
from matching.admin.conditions import conditions_of, words_of
from matching.admin.look_ups import (
    commands_of_order,
    named,
    of_market,
    of_sequence,
    trades_of_order,
)
from matching.admin.units import (
    unit_of_base,
    unit_of_fee,
    unit_of_hold,
    unit_of_price,
    unit_of_quote,
)
from matching.commands import decode_command
from matching.engine.orders import OrderTerms
from matching.models import Command, Event, Order, OrderKey, Switch, Trade
from zavora.foundation.admin.base import ReadOnlyAdmin, Related, cell, cell_of
from zavora.foundation.admin.cells import NOTHING, Unit, figure, figure_cell, lines, link, link_to
from zavora.foundation.admin.search import numbers, recent, recent_numbers, texts

READABLE_LENGTH_MAX: Final = 2_000


# --- orders --------------------------------------------------------------------------------------


# The words of an order's kind, as the table names and spells them.
_KIND_FIELDS: Final = tuple(
    field.name
    for field in Order._meta.concrete_fields
    if field.choices and field.name in OrderTerms.__struct_fields__
)


@admin.register(Order)
class OrderAdmin(ReadOnlyAdmin):
    """Orders and their state."""

    list_display = (
        "id",
        "market",
        "account",
        "kind",
        "price",
        "quantities",
        "state",
        "client_order_id",
        "created_at",
    )
    list_filter = ("market", "status", "side", "order_type")
    list_select_related = ("market__base", "market__quote", "account__owner", "conditions")
    sortable_by = ("id",)
    is_named_by_id = True
    readonly_fields = ("asked",)
    units = {
        "price": unit_of_price,
        "quantity": unit_of_base,
        "prevented_quantity": unit_of_base,
        "quote_quantity": unit_of_quote,
        "remaining_quantity": unit_of_base,
        "filled_quantity": unit_of_base,
        "filled_quote": unit_of_quote,
        "hold": unit_of_hold,
    }
    look_ups = (numbers("pk"), of_account("account"), named, of_market(is_recent=True))
    searched_by = f"{ACCOUNT_WORDS}, order id, client order id; market, among the newest orders"
    related = (
        Related("matching.trade", lambda order: str(order.pk), "trades"),
        Related("accounts.ledgertransaction", lambda order: str(order.pk), "ledger transactions"),
        Related("matching.command", lambda order: str(order.pk), "journal"),
    )

    @admin.display(description="kind")
    def kind(self, order: Order) -> str:
        """Return side, type and time in force, and below them what few orders ask for."""
        words = [str(getattr(order, f"get_{field}_display")()) for field in _KIND_FIELDS]
        kind = " ".join([*words, "post-only"] if order.post_only else words)
        asked = conditions_of(order)
        return kind if asked is None else lines([kind, *words_of(asked)])

    @admin.display(description="conditions")
    def asked(self, order: Order) -> str:
        """Return what few orders ask for."""
        asked = conditions_of(order)
        return NOTHING if asked is None else lines(words_of(asked))

    @admin.display(description="filled of")
    def quantities(self, order: Order) -> str:
        """Return what is filled, and of what."""
        filled = figure_cell(order.filled_quantity, unit_of_base(order))
        if order.quantity is None:
            return lines([filled, figure_cell(order.quote_quantity, unit_of_quote(order))])
        return lines([filled, figure_cell(order.quantity, unit_of_base(order))])

    @admin.display(description="status")
    def state(self, order: Order) -> str:
        """Return the status, and why."""
        return lines([order.get_status_display(), order.reason])


@admin.register(OrderKey)
class OrderKeyAdmin(ReadOnlyAdmin):
    """Idempotency keys and what they are bound to."""

    list_display = ("id", "account", "key", "created_at")
    list_select_related = ("account__owner",)
    sortable_by = ("id",)
    look_ups = (numbers("pk"), of_account("account"), recent("key"))
    searched_by = f"{ACCOUNT_WORDS}; key, among the newest"
    exclude = ("fingerprint", "result")
    readonly_fields = ("first_result",)

    @admin.display(description="first result")
    def first_result(self, row: OrderKey) -> str:
        """Return the reply as text."""
        return _readable(wire.decode_reply, row.result)


@admin.register(Switch)
class SwitchAdmin(ReadOnlyAdmin):
    """Dead-man's switches that are set: when all orders of an account go, as whose key asked."""

    list_display = ("id", "account_id", "key_id", "shard_id", "due_at")
    sortable_by = ("id",)
    look_ups = (numbers("pk"), of_account("account_id"))
    searched_by = ACCOUNT_WORDS
    ordering = ("-pk",)


# --- trades --------------------------------------------------------------------------------------


@admin.register(Trade)
class TradeAdmin(ReadOnlyAdmin):
    """Trades."""

    list_display = (
        "id",
        "market",
        "price",
        "quantity",
        "amount",
        "taker",
        "maker",
        "ledger",
        "created_at",
    )
    list_filter = ("market", "taker_side")
    list_select_related = (
        "market__base",
        "market__quote",
        "maker_account__owner",
        "taker_account__owner",
    )
    sortable_by = ("id",)
    is_named_by_id = True
    fields = (
        "id",
        "market",
        "sequence",
        "run_sequence",
        "price",
        "quantity",
        "amount",
        "taker_side",
        "taker_account",
        "taker_order",
        "taker_fee",
        "maker_account",
        "maker_order",
        "maker_fee",
        "ledger",
        "created_at",
    )
    units = {
        "price": unit_of_price,
        "quantity": unit_of_base,
        "amount": unit_of_quote,
        "maker_fee": lambda trade: unit_of_fee(trade, "maker"),
        "taker_fee": lambda trade: unit_of_fee(trade, "taker"),
    }
    look_ups = (
        numbers("pk"),
        of_sequence,
        of_account("maker_account", "taker_account"),
        trades_of_order,
        of_market(order="-sequence"),
    )
    searched_by = f"{ACCOUNT_WORDS}, trade id, number in its market, order id, market"

    def _party(self, request: HttpRequest, trade: Trade, role: str) -> str:
        order_id = getattr(trade, f"{role}_order_id")
        fee = figure(getattr(trade, f"{role}_fee"), unit_of_fee(trade, role))
        return lines(
            [
                cell_of(request, getattr(trade, f"{role}_account")),
                link_to(request, "matching.order", order_id),
                f"fee {fee}",
            ]
        )

    @cell("taker")
    def taker(self, request: HttpRequest, trade: Trade) -> str:
        """Return who took, by which order, at what fee."""
        buys = "buys" if trade.taker_side == Order.Side.BUY else "sells"
        return lines([buys, self._party(request, trade, "taker")])

    @cell("maker")
    def maker(self, request: HttpRequest, trade: Trade) -> str:
        """Return who made, by which order, at what fee."""
        buys = "sells" if trade.taker_side == Order.Side.BUY else "buys"
        return lines([buys, self._party(request, trade, "maker")])

    @cell("ledger")
    def ledger(self, request: HttpRequest, trade: Trade) -> str:
        """Return a link to the ledger transaction, which has the trade's number."""
        return link_to(request, "accounts.ledgertransaction", trade.pk, "transaction")


# --- the journal and events ----------------------------------------------------------------------


@admin.register(Command)
class CommandAdmin(ReadOnlyAdmin):
    """The journal."""

    list_display = (
        "sequence",
        "shard",
        "kind",
        "account",
        "market",
        "order",
        "state",
        "request_id",
        "actor",
        "batch_at",
    )
    list_filter = ("shard", "kind", "outcome")
    list_select_related = ("shard", "account__owner", "market__base", "market__quote")
    units = {"funds": lambda command: _unit_of_funds(command)}
    look_ups = (
        numbers("pk"),
        commands_of_order,
        of_account("account"),
        texts("request_id"),
        of_market(is_recent=True),
        recent_numbers("sequence"),
    )
    searched_by = (
        f"{ACCOUNT_WORDS}, order id (of the command that placed it), request id;"
        " market, number in its shard, among the newest commands"
    )
    exclude = ("body",)
    readonly_fields = ("readable_body",)

    @cell("order")
    def order(self, request: HttpRequest, command: Command) -> str:
        """Return a link to the order that the command placed."""
        if command.order_id is None:
            return NOTHING
        return link(request, Order, command.order_id, str(command.order_id))

    @admin.display(description="outcome")
    def state(self, command: Command) -> str:
        """Return the outcome, and why."""
        return lines([command.get_outcome_display(), command.reason])

    @admin.display(description="body")
    def readable_body(self, row: Command) -> str:
        """Return the command as text."""
        return _readable(decode_command, row.body)


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    """What was published."""

    list_display = ("id", "market", "prev_sequence", "sequence", "batch_at")
    list_filter = ("market",)
    list_select_related = ("market",)
    sortable_by = ("id",)
    look_ups = (numbers("pk"), of_sequence, of_market(order="-sequence"))
    searched_by = "market, id, number in its market"
    exclude = ("payload",)
    readonly_fields = ("readable_payload",)

    @admin.display(description="payload")
    def readable_payload(self, row: Event) -> str:
        """Return the event as text."""
        return _readable(wire.decode_event, row.payload)


def _unit_of_funds(command: Command) -> Unit:
    """Return the unit of the funds that an order's command was given: what it would spend."""
    try:
        side = getattr(decode_command(bytes(command.body)), "side", "")
    except (msgspec.MsgspecError, ValueError):
        side = ""
    if command.market is None or not side:
        return Unit(0, "")
    return unit_of_quote(command) if side == Order.Side.BUY else unit_of_base(command)


def _readable(decode: Any, body: bytes | memoryview) -> str:
    """Return bytes of the wire as text, even where they cannot be decoded."""
    try:
        return repr(decode(bytes(body)))[:READABLE_LENGTH_MAX]
    except (msgspec.MsgspecError, ValueError) as error:
        return f"{error}: {bytes(body)[:100]!r}"
