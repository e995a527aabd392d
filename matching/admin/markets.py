"""Operators' pages of markets; those of what workers write: ``shards`` and ``written``.

Markets are created, changed, halted and resumed by services, whose commands stand in the journal
like any other.
"""

from decimal import Decimal
from typing import Any, Final

from django import forms
from django.conf import settings
from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse

from accounts.access.actor import Permission
from accounts.access.page_actors import operator_of
from accounts.money.selectors import list_assets
from matching.admin.maxima import MaximaForm
from matching.admin.units import (
    unit_of_base,
    unit_of_lot,
    unit_of_quote,
    unit_of_tick,
)
from matching.engine.rules import SELF_TRADE_MODES
from matching.markets.schedules import SCHEDULE_LENGTH_MAX
from matching.markets.soundness import (
    BAND_PPM_MAX,
    COLLAR_PPM_MAX,
    ICEBERG_PARTS_MAX,
    INTERRUPTION_MAX_S,
    OPEN_ORDERS_MAX,
    PHASES,
    PROTECTION_PPM_MAX,
    TRAIL_BPS_MAX,
    TRIGGER_ORDERS_MAX,
)
from matching.markets.terms import (
    DEFAULT_MAX_OPEN_ORDERS,
    DEFAULT_MAX_TRIGGER_ORDERS,
    DEFAULT_MAXIMUM,
    DEFAULT_SELF_TRADE_MODES,
)
from matching.models import Market, OrderConditions
from matching.services import (
    change_market,
    create_market,
    resume_market,
    set_market_phase,
)
from zavora.foundation.admin.base import ReadOnlyAdmin, Related, cell
from zavora.foundation.admin.forms import ServiceAddMixin, ServiceChangeMixin, for_each
from zavora.foundation.admin.search import numbers, parts
from zavora.foundation.forms import DecimalTextField
from zavora.foundation.money import EXACT, PPM

# --- markets -------------------------------------------------------------------------------------


# Rules that have a value in every market, and that a form may come without.
_NEVER_EMPTY: Final = (
    "self_trade_scope",
    "self_trade_mode",
    "self_trade_modes",
    "max_iceberg_parts",
    "protection_ppm",
    "min_trail_bps",
    "max_trail_bps",
    "interruption_s",
    "time_zone",
)


class RulesForm(MaximaForm):
    """The rules of a market that can change at any time."""

    min_notional = DecimalTextField(initial="0", help_text="In the quote asset.")
    max_notional = DecimalTextField(initial=f"{DEFAULT_MAXIMUM:f}")
    max_price = DecimalTextField(initial=f"{DEFAULT_MAXIMUM:f}")
    max_quantity = DecimalTextField(initial=f"{DEFAULT_MAXIMUM:f}")
    band_ppm = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=BAND_PPM_MAX,
        label="Price band",
        help_text="How far a price may be from the last one, in parts per million; empty: any.",
    )
    maker_fee_ppm = forms.IntegerField(
        initial=0,
        min_value=-PPM,
        max_value=PPM,
        label="Maker fee",
        help_text="Parts per million; below zero: a rebate, a part of the taker's fee.",
    )
    taker_fee_ppm = forms.IntegerField(
        initial=0, min_value=0, max_value=PPM, label="Taker fee", help_text="Parts per million."
    )
    max_open_orders = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=OPEN_ORDERS_MAX,
        initial=DEFAULT_MAX_OPEN_ORDERS,
        label="Open orders",
        help_text="How many open orders an account may have in this market; empty: any number.",
    )
    self_trade_scope = forms.ChoiceField(
        required=False,
        choices=Market.SelfTradeScope.choices,
        initial=Market.SelfTradeScope.OWNER,
        label="Self-trade prevention",
        help_text="Whose orders never trade with each other: one owner's, or one account's.",
    )
    self_trade_mode = forms.ChoiceField(
        required=False,
        choices=OrderConditions.SelfTrade.choices,
        initial=OrderConditions.SelfTrade.TAKER,
        label="Prevention ends",
        help_text="What becomes of an owner's orders that meet, where the new one does not say.",
    )
    self_trade_modes = forms.CharField(
        required=False,
        max_length=40,
        initial=DEFAULT_SELF_TRADE_MODES,
        label="Prevention may be",
        help_text=f"What an order may say, with commas between: {', '.join(SELF_TRADE_MODES)}.",
    )
    max_trigger_orders = forms.IntegerField(
        required=False,
        min_value=0,
        max_value=TRIGGER_ORDERS_MAX,
        initial=DEFAULT_MAX_TRIGGER_ORDERS,
        label="Waiting orders",
        help_text="How many of an account's orders may wait for a price; empty: any number.",
    )
    max_iceberg_parts = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=ICEBERG_PARTS_MAX,
        initial=100,
        label="Iceberg parts",
        help_text="Into how many parts an order may fall of which the book shows one.",
    )
    protection_ppm = forms.IntegerField(
        required=False,
        min_value=0,
        max_value=PROTECTION_PPM_MAX,
        initial=50_000,
        label="Protection",
        help_text="How far above its trigger a market order to buy holds funds, in parts per"
        " million.",
    )
    min_trail_bps = forms.IntegerField(
        required=False, min_value=1, max_value=TRAIL_BPS_MAX, initial=10, label="Trails from"
    )
    max_trail_bps = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=TRAIL_BPS_MAX,
        initial=2_000,
        label="Trails to",
        help_text="How far behind the market an order by a rate trails, in ten thousandths.",
    )
    dynamic_collar_ppm = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=COLLAR_PPM_MAX,
        label="Collar about the last price",
        help_text="A trade beyond leads into an auction, in parts per million; empty: any.",
    )
    static_collar_ppm = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=COLLAR_PPM_MAX,
        label="Collar about the last auction's price",
        help_text="As above, from the price of the last auction.",
    )
    interruption_s = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=INTERRUPTION_MAX_S,
        initial=120,
        label="Interruption",
        help_text="How many seconds an auction lasts that a collar leads into.",
    )
    auction_fee_ppm = forms.IntegerField(
        required=False,
        min_value=0,
        max_value=PPM,
        label="Auction fee",
        help_text="What both sides pay in auctions, in parts per million; empty: their maker fees.",
    )
    cancels_on_close = forms.BooleanField(
        required=False,
        initial=True,
        label="Closing cancels",
        help_text="Whether all orders end as the market is closed.",
    )
    schedule = forms.CharField(
        required=False,
        max_length=SCHEDULE_LENGTH_MAX,
        widget=forms.Textarea(
            attrs={"rows": 8, "spellcheck": "false", "placeholder": "Mon-Fri 09:00 continuous"}
        ),
        help_text="A line for each change of the phase: days, a time and the phase. A date's lines"
        " are all that happens on it: 2026-12-25 closed. Counts from its next line on; empty: the"
        " phase stays.",
    )
    time_zone = forms.CharField(
        required=False,
        max_length=64,
        initial="UTC",
        label="Time zone",
        help_text="Of the schedule, such as Europe/Berlin.",
    )
    delists_at = forms.DateTimeField(
        required=False,
        label="Ends for good (UTC)",
        help_text="Announced at once; then all orders end, and the market is never open again.",
    )
    promotion_maker_fee_ppm = forms.IntegerField(
        required=False, min_value=-PPM, max_value=PPM, label="Promotion: maker fee"
    )
    promotion_taker_fee_ppm = forms.IntegerField(
        required=False, min_value=0, max_value=PPM, label="Promotion: taker fee"
    )
    promotion_starts_at = forms.DateTimeField(required=False, label="Promotion starts (UTC)")
    promotion_ends_at = forms.DateTimeField(
        required=False,
        label="Promotion ends (UTC)",
        help_text="All four of a promotion or none. It lowers what accounts without own rates pay.",
    )
    tick_size = DecimalTextField(help_text="Can only change while halted, with an empty book.")
    lot_size = DecimalTextField(help_text="Can only change while halted, with an empty book.")

    def clean_schedule(self) -> str:
        """Return the schedule with line breaks of one kind."""
        return "\n".join(self.cleaned_data["schedule"].splitlines())

    def clean(self) -> dict[str, Any]:
        """Leave as they are the rules that always are something and that the form came without."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        for name in _NEVER_EMPTY:
            if cleaned.get(name) in (None, "") and name not in self.errors:
                cleaned[name] = self.get_initial_for_field(self.fields[name], name)
        return cleaned


def _rules_of(market: Market) -> dict[str, Any]:
    return {name: getattr(market, name) for name in RulesForm.base_fields if name != "reason"}


def _asset_codes() -> list[tuple[str, str]]:
    return [(asset.code, asset.code) for asset in list_assets()]


class NewMarketForm(RulesForm):
    """A new market."""

    base = forms.ChoiceField(choices=_asset_codes)
    quote = forms.ChoiceField(choices=_asset_codes)
    shard_id = forms.TypedChoiceField(
        label="Shard",
        help_text="manage.py move_market moves it to another one later, while it trades.",
        coerce=int,
        choices=lambda: [(shard, shard) for shard in settings.ZAVORA_SHARDS],
    )
    phase = forms.ChoiceField(
        choices=[(phase, Market.Phase(phase).label) for phase in PHASES],
        initial=Market.Phase.HALTED,
    )
    field_order = ("base", "quote", "tick_size", "lot_size", "phase", "shard_id")


@admin.register(Market)
class MarketAdmin(ServiceAddMixin, ServiceChangeMixin, ReadOnlyAdmin):
    """Markets: added, changed and halted by commands, so their worker must be running."""

    add_service_form = NewMarketForm
    add_title = "Add market"
    list_display = (
        "symbol",
        "phase",
        "shard",
        "tick_size",
        "lot_size",
        "maker_fee_ppm",
        "taker_fee_ppm",
        "delists_at",
        "is_demo",
        "lists",
    )
    list_filter = ("phase", "shard")
    list_select_related = ("shard", "base", "quote")
    sortable_by = ("symbol",)
    ordering = ("pk",)
    units = {
        "tick_size": unit_of_tick,
        "lot_size": unit_of_lot,
        "min_notional": unit_of_quote,
        "max_notional": unit_of_quote,
        "max_price": unit_of_quote,
        "max_quantity": unit_of_base,
        "max_position": unit_of_base,
    }
    look_ups = (numbers("pk"), parts("symbol"))
    searched_by = "symbol, asset, or a part of one"
    related = (
        Related("matching.order", lambda market: market.symbol, "orders"),
        Related("matching.trade", lambda market: market.symbol, "trades"),
        Related("matching.command", lambda market: market.symbol, "journal"),
        Related("matching.marketstate", lambda market: market.symbol, "state"),
        Related("accounts.auditrecord", lambda market: f"market:{market.symbol}", "records"),
    )
    actions = ("halt", "resume", "cancel_only", "auction", "close")

    @cell("lists")
    def lists(self, request: HttpRequest, market: Market) -> str:
        """Return links to what has to do with the market."""
        return self.related_links(request, market)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return whether the operator may add markets."""
        return request.user.has_perm(Permission.ADD_MARKET)

    def has_run_permission(self, request: HttpRequest) -> bool:
        """Return whether the operator may change, halt and resume markets."""
        return request.user.has_perm(Permission.CHANGE_MARKET)

    def add_by(self, request: HttpRequest, data: dict[str, Any]) -> Model:
        """Add the market, and wait for the worker's commit."""
        terms = create_market(by=operator_of(request), **data)
        return Market.objects.get(pk=terms.market_id)

    def may_change(self, request: HttpRequest) -> bool:
        """Return whether the operator gets the rules as a form."""
        return self.has_run_permission(request)

    def change_form(self, data: Any, row: Market) -> forms.Form:
        """Return the form of a market's rules."""
        initial = {
            name: f"{value.normalize(EXACT):f}" if isinstance(value, Decimal) else value
            for name, value in _rules_of(row).items()
        }
        return RulesForm(data, initial=initial)

    def change_by(self, request: HttpRequest, row: Market, data: dict[str, Any]) -> str:
        """Change what differs, and wait for the worker's commit."""
        present = _rules_of(row)
        changes = {name: data[name] for name in present if data[name] != present[name]}
        if not changes:
            return f"{row}: nothing to change"
        change_market(by=operator_of(request), symbol=row.symbol, **changes)
        return f"{row}: changed {', '.join(sorted(changes))}"

    def _set_phase(
        self, request: HttpRequest, rows: QuerySet[Market], phase: str
    ) -> HttpResponse | None:
        by = operator_of(request)
        return for_each(
            self,
            request,
            rows,
            lambda market: set_market_phase(by=by, symbol=market.symbol, phase=phase),
            done=f"set to {phase}",
        )

    @admin.action(description="Halt the selected markets", permissions=["run"])
    def halt(self, request: HttpRequest, rows: QuerySet[Market]) -> HttpResponse | None:
        """Stop trading."""
        return self._set_phase(request, rows, Market.Phase.HALTED)

    @admin.action(description="Resume the selected markets", permissions=["run"])
    def resume(self, request: HttpRequest, rows: QuerySet[Market]) -> HttpResponse | None:
        """Trade again, or be as the market's schedule says."""
        by = operator_of(request)
        return for_each(
            self,
            request,
            rows,
            lambda market: resume_market(by=by, symbol=market.symbol),
            done="set to trade, or to what its schedule says",
        )

    @admin.action(description="Let the selected markets cancel only", permissions=["run"])
    def cancel_only(self, request: HttpRequest, rows: QuerySet[Market]) -> HttpResponse | None:
        """Take cancels, nothing else."""
        return self._set_phase(request, rows, Market.Phase.CANCEL_ONLY)

    @admin.action(description="Begin an auction in the selected markets", permissions=["run"])
    def auction(self, request: HttpRequest, rows: QuerySet[Market]) -> HttpResponse | None:
        """Let orders gather; they trade at one price when the market is resumed or closed."""
        return self._set_phase(request, rows, Market.Phase.AUCTION)

    @admin.action(description="Close the selected markets", permissions=["run"])
    def close(self, request: HttpRequest, rows: QuerySet[Market]) -> HttpResponse | None:
        """End trading, and all orders where the market's rules say so."""
        return self._set_phase(request, rows, Market.Phase.CLOSED)
