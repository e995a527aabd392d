"""Operators' pages of what few orders ask for and came to, of lists, trails and protections."""

from collections.abc import Iterator
from typing import Any, Final

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest

from accounts.admin.look_ups import ACCOUNT_WORDS, of_account
from matching.admin.look_ups import find_markets, of_market
from matching.admin.units import unit_of_base, unit_of_price
from matching.models import (
    Order,
    OrderAmendment,
    OrderConditions,
    OrderList,
    PreventedMatch,
    Protection,
    TrailMark,
)
from matching.orders.legs import order_ids_of
from zavora.foundation.admin.base import ReadOnlyAdmin, Related, cell, cell_of
from zavora.foundation.admin.cells import UnitOf, figure, lines, link_to
from zavora.foundation.admin.search import Branch, numbers

# Trails by a rate are in ten thousandths.
_BPS_IN_PERCENT: Final = 100


def conditions_of(order: Order) -> OrderConditions | None:
    """Return what an order asks for beside what all do; None: nothing."""
    row: OrderConditions | None = getattr(order, "conditions", None)
    return row


def words_of(asked: OrderConditions) -> list[str]:
    """Return conditions as an operator reads them, each a line."""
    price, base = unit_of_price(asked.order), unit_of_base(asked.order)
    words = [f"{asked.get_leg_display()} of list {asked.list_id}"] if asked.leg else []
    if asked.trigger:
        distance = f"at {figure(asked.trigger_price, price)}"
        if asked.trail_price is not None:
            distance = f"trailing by {figure(asked.trail_price, price)}"
        elif asked.trail_bps is not None:
            whole, part = divmod(asked.trail_bps, _BPS_IN_PERCENT)
            distance = f"trailing by {whole}.{part:02} %"
        if asked.activation_price is not None:
            distance += f" from {figure(asked.activation_price, price)}"
        by = "the last price" if asked.trigger_by == "last" else "the opposite price"
        words.append(f"{asked.get_trigger_display()} {distance} by {by}")
        words.append(asked.get_trigger_state_display())
    if asked.expires_at is not None:
        words.append(f"until {asked.expires_at:%Y-%m-%d %H:%M:%S} UTC")
    if asked.display_quantity is not None:
        words.append(f"shows {figure(asked.display_quantity, base)}")
    if asked.protection_price is not None:
        words.append(f"not beyond {figure(asked.protection_price, price)}")
    if asked.slides:
        words.append("slides")
    if asked.self_trade:
        words.append(f"self-trades: {asked.get_self_trade_display()}")
    return words


def _recent_of_account(term: str) -> Iterator[Branch]:
    """Find those of an account's orders among the newest: their table does not know whose."""
    for branch in of_account("order__account")(term):
        yield branch._replace(is_recent=True)


def _recent_of_market(term: str) -> Iterator[Branch]:
    for market_id in find_markets(term):
        yield Branch(Q(order__market_id=market_id), is_recent=True)


def _of_order(unit_of: UnitOf) -> UnitOf:
    return lambda row: unit_of(row.order)


@admin.register(OrderConditions)
class OrderConditionsAdmin(ReadOnlyAdmin):
    """What few orders ask for, and how they wait."""

    list_display = ("order", "asked", "trigger_state", "expires_at", "triggered_at")
    list_filter = ("trigger", "trigger_state")
    list_select_related = ("order__market__base", "order__market__quote")
    sortable_by = ()
    ordering = ("-pk",)
    units = {
        "display_quantity": _of_order(unit_of_base),
        "hidden_quantity": _of_order(unit_of_base),
        "protection_price": _of_order(unit_of_price),
        "trigger_price": _of_order(unit_of_price),
        "trail_price": _of_order(unit_of_price),
        "activation_price": _of_order(unit_of_price),
    }
    look_ups = (numbers("pk"), _recent_of_account, _recent_of_market)
    searched_by = f"order id; {ACCOUNT_WORDS}, market, among the newest"
    related = (Related("matching.order", lambda row: str(row.pk)),)

    @admin.display(description="asks for")
    def asked(self, row: OrderConditions) -> str:
        """Return what the order asks for."""
        return lines(words_of(row))


@admin.register(PreventedMatch)
class PreventedMatchAdmin(ReadOnlyAdmin):
    """Orders of one owner that met and did not trade."""

    list_display = ("id", "market", "mode", "price", "quantity", "taker", "maker", "created_at")
    list_filter = ("market", "mode")
    list_select_related = (
        "market__base",
        "market__quote",
        "maker_account__owner",
        "taker_account__owner",
    )
    sortable_by = ("id",)
    is_named_by_id = True
    units = {"price": unit_of_price, "quantity": unit_of_base}
    look_ups = (
        numbers("pk", "maker_order_id", "taker_order_id"),
        of_account("maker_account", "taker_account"),
        of_market(is_recent=True),
    )
    searched_by = f"{ACCOUNT_WORDS}, id, order id; market, among the newest"

    def _party(self, request: HttpRequest, row: Any, role: str) -> str:
        return lines(
            [
                cell_of(request, getattr(row, f"{role}_account")),
                link_to(request, "matching.order", getattr(row, f"{role}_order_id")),
            ]
        )

    @cell("taker")
    def taker(self, request: HttpRequest, row: PreventedMatch) -> str:
        """Return who arrived, by which order."""
        return self._party(request, row, "taker")

    @cell("maker")
    def maker(self, request: HttpRequest, row: PreventedMatch) -> str:
        """Return who stood there, by which order."""
        return self._party(request, row, "maker")


@admin.register(OrderAmendment)
class OrderAmendmentAdmin(ReadOnlyAdmin):
    """What open orders asked for before they were amended."""

    list_display = (
        "id",
        "market",
        "amended",
        "price_before",
        "price",
        "quantity_before",
        "quantity",
        "trigger_price_before",
        "trigger_price",
        "created_at",
    )
    list_filter = ("market",)
    list_select_related = ("market__base", "market__quote")
    sortable_by = ("id",)
    is_named_by_id = True
    units = {
        "price_before": unit_of_price,
        "price": unit_of_price,
        "quantity_before": unit_of_base,
        "quantity": unit_of_base,
        "trigger_price_before": unit_of_price,
        "trigger_price": unit_of_price,
    }
    look_ups = (numbers("pk", "order_id"), of_market(is_recent=True))
    searched_by = "id, order id; market, among the newest"

    @cell("order")
    def amended(self, request: HttpRequest, row: OrderAmendment) -> str:
        """Return a link to the order."""
        return link_to(request, "matching.order", row.order_id)


@admin.register(TrailMark)
class TrailMarkAdmin(ReadOnlyAdmin):
    """The prices from which orders trail."""

    list_display = ("id", "market", "reference", "rises", "number", "price")
    list_filter = ("market", "reference")
    list_select_related = ("market__base", "market__quote")
    sortable_by = ("id",)
    units = {"price": unit_of_price}
    look_ups = (numbers("pk"), of_market())
    searched_by = "market, id"


@admin.register(OrderList)
class OrderListAdmin(ReadOnlyAdmin):
    """Orders that are one thing."""

    list_display = ("id", "market", "account", "kind", "orders", "client_list_id", "done_at")
    list_filter = ("market", "kind")
    list_select_related = ("market__base", "market__quote", "account__owner")
    sortable_by = ("id",)
    is_named_by_id = True
    look_ups = (numbers("pk"), of_account("account"), of_market(is_recent=True))
    searched_by = f"{ACCOUNT_WORDS}, list id; market, among the newest"

    @cell("orders")
    def orders(self, request: HttpRequest, row: OrderList) -> str:
        """Return links to its orders, the working one first."""
        ids = order_ids_of(row.pk, row.kind)
        return lines([link_to(request, "matching.order", order_id) for order_id in ids])


@admin.register(Protection)
class ProtectionAdmin(ReadOnlyAdmin):
    """What ends the quotes of accounts after so many fills, or so much."""

    list_display = ("id", "market", "account", "fills_max", "quantity_max", "window_ms", "counted")
    list_filter = ("market", "is_tripped")
    list_select_related = ("market__base", "market__quote", "account__owner")
    sortable_by = ("id",)
    units = {"quantity_max": unit_of_base, "quantity": unit_of_base}
    look_ups = (numbers("pk"), of_account("account"), of_market(is_recent=True))
    searched_by = f"{ACCOUNT_WORDS}, id; market, among the newest"

    @admin.display(description="counted")
    def counted(self, row: Protection) -> str:
        """Return what was counted in its window, and whether that was too much."""
        quantity = figure(row.quantity, unit_of_base(row))
        return lines([f"{row.fills} fills, {quantity}", *(["ended"] if row.is_tripped else [])])
