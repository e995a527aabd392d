"""Operators' pages of fees: the table of tiers, what they go by, and the fees of an account."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse

from accounts.access.actor import Permission
from accounts.access.page_actors import operator_of
from accounts.admin.look_ups import ACCOUNT_WORDS, of_account
from accounts.audit import REASON_LENGTH_MAX
from accounts.services import set_account_fees
from matching.admin.look_ups import of_market
from matching.admin.units import unit_of_quote
from matching.fee_models import FeeDay, FeeTier, FeeVolume
from matching.fees.rates import SOURCES, Rate
from matching.fees.selectors import get_account_fees
from matching.fees.services import TIERS_MAX, remove_fee_tier, set_fee_tier
from matching.fees.volumes import VOLUME_DAYS
from matching.markets.selectors import get_market_terms
from zavora.foundation.admin.base import Additions, ReadOnlyAdmin, Related, add_to
from zavora.foundation.admin.cells import Unit, lines
from zavora.foundation.admin.forms import ServiceAddMixin, ServiceChangeMixin, service_form_page
from zavora.foundation.admin.search import dates, numbers
from zavora.foundation.forms import DecimalTextField
from zavora.foundation.money import EXACT, PPM, text_for_people

_REBATE: Final = "Parts per million; below zero: a rebate."


def _reason() -> forms.CharField:
    return forms.CharField(max_length=REASON_LENGTH_MAX, help_text="For the record.")


# --- the fees of an account ----------------------------------------------------------------------


class AccountFeesForm(forms.Form):
    """An account's own rates, in all markets or in one."""

    market = forms.CharField(
        required=False, max_length=33, help_text="A market, such as BTC/USD; empty: all markets."
    )
    maker_ppm = forms.IntegerField(
        required=False, min_value=-PPM, max_value=PPM, label="Maker fee",
        help_text=f"{_REBATE} Empty: none of its own.",
    )  # fmt: skip
    taker_ppm = forms.IntegerField(
        required=False, min_value=0, max_value=PPM, label="Taker fee",
        help_text="Parts per million; empty: none of its own.",
    )  # fmt: skip
    until = forms.DateTimeField(
        required=False, help_text="When the rates of one market end (UTC); empty: when changed."
    )
    reason = _reason()


@admin.action(description="Change the fees of the selected account", permissions=["fees"])
def change_fees(model_admin: Any, request: HttpRequest, rows: QuerySet[Any]) -> HttpResponse | None:
    """Ask for an account's own rates and why, and set them."""

    def change(account: Any, data: dict[str, Any]) -> str:
        market = data.pop("market")
        market_id = get_market_terms(market).market_id if market else None
        set_account_fees(
            by=operator_of(request), account_id=account.public_id, market_id=market_id, **data
        )
        return f"{account}: fees changed"

    return _ask_about_one(model_admin, request, rows, AccountFeesForm, change)


def _ask_about_one(
    model_admin: Any,
    request: HttpRequest,
    rows: QuerySet[Any],
    form_class: type[forms.Form],
    change: Callable[[Any, dict[str, Any]], str],
) -> HttpResponse | None:
    """Show a form about the one selected row; where it comes back filled in, do what it asks."""
    selected = list(rows[:2])
    if len(selected) != 1:
        messages.error(request, "Select one: each has figures of its own.")
        return None
    (row,) = selected
    asked = {"action": request.POST["action"], ACTION_CHECKBOX_NAME: str(row.pk)}
    form = form_class(request.POST if "reason" in request.POST else None)
    for name, value in asked.items():
        form.fields[name] = forms.CharField(initial=value, widget=forms.HiddenInput)

    def done(data: dict[str, Any]) -> str:
        message = change(row, {name: data[name] for name in form_class.base_fields})
        model_admin.log_change(request, row, message)
        return message

    return service_form_page(model_admin, request, form, title=str(row), done=done)


def _fees_of(account: Any) -> str:
    """Return what an account pays in each market, and why."""
    fees = get_account_fees(account)
    volume = text_for_people(fees.volume.quantize(Decimal("0.01"), "ROUND_DOWN"), 2)
    tier = "no tier" if fees.tier is None else f"tier {fees.tier.level}"
    first = f"{volume} {fees.volume_asset} in {VOLUME_DAYS} days, {tier}"
    rates = (
        f"{one.symbol}: maker {_told(one.maker)}, taker {_told(one.taker)}" for one in fees.markets
    )
    return lines([first, *rates])


def _told(rate: Rate) -> str:
    return f"{rate.ppm} ppm ({SOURCES[rate.source]})"


add_to("accounts.account", Additions(actions=(change_fees,), fields=(("fees", _fees_of),)))


# --- the table of tiers --------------------------------------------------------------------------


class TierForm(forms.Form):
    """What a tier asks for and gives."""

    min_volume = DecimalTextField(
        help_text=f"From what volume of {VOLUME_DAYS} days on, in the asset of volumes."
    )
    maker_ppm = forms.IntegerField(
        min_value=-PPM, max_value=PPM, label="Maker fee", help_text=_REBATE
    )
    taker_ppm = forms.IntegerField(
        min_value=0, max_value=PPM, label="Taker fee", help_text="Parts per million."
    )
    reason = _reason()


class NewTierForm(TierForm):
    """A new tier."""

    level = forms.IntegerField(min_value=1, max_value=TIERS_MAX)
    field_order = ("level",)


class RemoveForm(forms.Form):
    """Why a tier goes."""

    reason = _reason()


def _unit_of_volume(_row: Any) -> Unit:
    return Unit(2, settings.ZAVORA_VOLUME_ASSET)


@admin.register(FeeTier)
class FeeTierAdmin(ServiceAddMixin, ServiceChangeMixin, ReadOnlyAdmin):
    """Tiers; what is changed here holds with the next review."""

    add_service_form = NewTierForm
    add_title = "Add tier"
    list_display = ("level", "min_volume", "maker_fee_ppm", "taker_fee_ppm", "updated_at")
    ordering = ("level",)
    units = {"min_volume": _unit_of_volume}
    look_ups = (numbers("pk"),)
    searched_by = "level"
    related = (Related("accounts.auditrecord", lambda tier: f"fee-tier:{tier.level}", "records"),)
    actions = ("remove",)

    def has_fees_permission(self, request: HttpRequest) -> bool:
        """Return whether the operator may change fees."""
        return request.user.has_perm(Permission.CHANGE_FEES)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return whether the operator may add tiers."""
        return self.has_fees_permission(request)

    def may_change(self, request: HttpRequest) -> bool:
        """Return whether the operator gets a tier as a form."""
        return self.has_fees_permission(request)

    def add_by(self, request: HttpRequest, data: dict[str, Any]) -> Model:
        """Add the tier."""
        return set_fee_tier(by=operator_of(request), **data)

    def change_form(self, data: Any, row: FeeTier) -> forms.Form:
        """Return the form of a tier."""
        initial = {
            "min_volume": f"{row.min_volume.normalize(EXACT):f}",
            "maker_ppm": row.maker_fee_ppm,
            "taker_ppm": row.taker_fee_ppm,
        }
        return TierForm(data, initial=initial)

    def change_by(self, request: HttpRequest, row: FeeTier, data: dict[str, Any]) -> str:
        """Change the tier."""
        set_fee_tier(by=operator_of(request), level=row.level, **data)
        return f"{row}: changed, as of the next review"

    @admin.action(description="Remove the selected tier", permissions=["fees"])
    def remove(self, request: HttpRequest, rows: QuerySet[FeeTier]) -> HttpResponse | None:
        """Ask why, and take the tier out of the table."""

        def change(tier: FeeTier, data: dict[str, Any]) -> str:
            remove_fee_tier(by=operator_of(request), level=tier.level, **data)
            return f"{tier}: removed, as of the next review"

        return _ask_about_one(self, request, rows, RemoveForm, change)


# --- what tiers go by ----------------------------------------------------------------------------


@admin.register(FeeVolume)
class FeeVolumeAdmin(ReadOnlyAdmin):
    """What accounts traded, by day and market."""

    list_display = ("id", "account", "day", "market", "amount")
    list_filter = ("market",)
    list_select_related = ("account__owner", "market__base", "market__quote")
    units = {"amount": unit_of_quote}
    look_ups = (of_account("account"), of_market(is_recent=True))
    searched_by = f"{ACCOUNT_WORDS}, market"


@admin.register(FeeDay)
class FeeDayAdmin(ReadOnlyAdmin):
    """Reviews: which days are counted, and from when the tiers hold that came of the last one."""

    list_display = ("day", "counted_at", "effective_at", "accounts_moved")
    look_ups = (dates("day"),)
    searched_by = "day as in 2026-11-25"
