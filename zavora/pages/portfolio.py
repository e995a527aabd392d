"""The page of what one's accounts are worth, cost and brought; the API's figures, drawn."""

import csv
import io
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from accounts.access.page_actors import customer_of, user_of
from accounts.money.selectors import list_assets
from accounts.pages.forms import names_of
from accounts.people.page_preferences import plain
from accounts.people.preferences import get_preferences
from accounts.people.selectors import list_accounts, list_memberships
from accounts.services import save_preferences
from api.transport.errors import not_found_view
from zavora.foundation.errors import Conflict, ValidationFailed
from zavora.foundation.money import text_for_people, units_to_decimal, units_to_text
from zavora.foundation.times import EPOCH
from zavora.pages.curves import HEIGHT, WIDTH, draw_curve
from zavora.portfolio.accounting import half_even
from zavora.portfolio.reading import (
    MOMENTS_MAX,
    STEPS,
    Currency,
    Line,
    Moment,
    Portfolio,
    currency_of,
    first_currency,
    read_history,
    read_portfolio,
)

EVERYTHING: Final = "all"


class Period(msgspec.Struct, frozen=True):
    """What is looked back at; without a length from the beginning."""

    name: str
    title: str
    step: str
    length: timedelta | None


PERIODS: Final = (
    Period("24h", "24 hours", "1h", timedelta(hours=24)),
    Period("7d", "7 days", "1h", timedelta(days=7)),
    Period("30d", "30 days", "1d", timedelta(days=30)),
    Period("1y", "1 year", "1d", timedelta(days=365)),
    Period("all", "All", "1d", None),
)
PERIOD_DEFAULT: Final = PERIODS[2]
# Slices of the bar have colours of their own; all others share one.
SLICES_MAX: Final = 6


class Choice(msgspec.Struct, frozen=True):
    """Whose portfolio, since when, and in what."""

    account: str
    account_pks: list[int]
    accounts: list[tuple[str, str]]
    period: Period
    currency: Currency

    @property
    def query(self) -> str:
        """Return it as a query, without the currency, which is kept with the person."""
        return urlencode({"account": self.account, "period": self.period.name})


@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def portfolio(request: HttpRequest) -> HttpResponse:
    """Show the portfolio; a POST chooses the currency, which is kept with the preferences."""
    choice = _choice_of(request)
    if choice is None:
        return not_found_view(request)
    if request.method == "POST":
        _keep_currency(request)
        return redirect(f"{reverse('portfolio')}?{choice.query}")
    found = read_portfolio(choice.account_pks, choice.currency.code)
    moments, before = _look_back(choice, found)
    context = {
        "choice": choice,
        "periods": PERIODS,
        "assets": [asset.code for asset in list_assets()],
        "found": found,
        "figures": _figures(found, before),
        "lines": _rows(found),
        "slices": _slices(found),
        "curve": _curve(moments, found.currency),
        "moments": _moment_rows(moments, found.currency),
        "fees": [
            f"{text_for_people(units_to_decimal(units, scale), scale)} {code}"
            for code, scale, units in found.fees
        ],
        "width": WIDTH,
        "height": HEIGHT,
    }
    return render(request, "portfolio.html", context)


@never_cache
@login_required
@require_GET
def portfolio_csv(request: HttpRequest) -> HttpResponse:
    """Answer the same figures as a file: assets, then the curve of the period."""
    choice = _choice_of(request)
    if choice is None:
        return not_found_view(request)
    found = read_portfolio(choice.account_pks, choice.currency.code)
    moments, _ = _look_back(choice, found)
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    for row in _csv_rows(found, moments):
        writer.writerow(row)
    name = f"portfolio-{found.currency.code}-{found.at:%Y%m%d-%H%M}.csv"
    return HttpResponse(
        file.getvalue(),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


# --- what is asked for ---------------------------------------------------------------------------


def _choice_of(request: HttpRequest) -> Choice | None:
    """Return what the query asks for; None for an account that is out of reach."""
    user_id = user_of(request).pk
    own = list_accounts(user_id)
    names = names_of(own)
    reached = [(str(one.public_id), names[one.pk], one.pk) for one in own]
    reached += [
        (str(one.account.public_id), f"{one.account.label or 'Account'} of {one.account.owner}",
         one.account_id)
        for one in list_memberships(user_id)
    ]  # fmt: skip
    account = request.GET.get("account", EVERYTHING)
    if account == EVERYTHING:
        pks = [one.pk for one in own]
    else:
        pks = [pk for public_id, _, pk in reached if public_id == account]
    if not pks:
        return None
    asked = request.GET.get("period", "")
    chosen = get_preferences(user_id).choices.currency
    return Choice(
        account=account,
        account_pks=pks,
        accounts=[(EVERYTHING, "All my accounts"), *((one[0], one[1]) for one in reached)],
        period=next((one for one in PERIODS if one.name == asked), PERIOD_DEFAULT),
        currency=currency_of(first_currency(chosen, settings.ZAVORA_VOLUME_ASSET)),
    )


def _keep_currency(request: HttpRequest) -> None:
    """Keep the chosen currency; what is no asset's, or came too late, changes nothing."""
    try:
        code = currency_of(request.POST.get("currency", "")).code
        kept = get_preferences(user_of(request).pk)
        document = {**plain(kept.choices), "currency": code}
        save_preferences(by=customer_of(request), document=document, version=kept.version)
    except (ValidationFailed, Conflict):
        return


def _look_back(choice: Choice, found: Portfolio) -> tuple[list[Moment], Moment | None]:
    """Return the moments of the period up to now, and how it stood at its beginning, if it did."""
    step, now = STEPS[choice.period.step], timezone.now()
    start = None
    if choice.period.length is not None:
        start = EPOCH + (now - choice.period.length - EPOCH) // step * step
    _, moments, _ = read_history(
        choice.account_pks,
        choice.currency.code,
        step=choice.period.step,
        start=start,
        limit=MOMENTS_MAX,
    )
    # What began later began with nothing.
    before = moments[0] if moments and moments[0].at == start else None
    return [*moments, Moment(found.at, found.sums)], before


# --- what is shown -------------------------------------------------------------------------------


class Figure(msgspec.Struct, frozen=True):
    """A figure with its name; ``way`` is up, down or empty."""

    key: str
    title: str
    text: str
    way: str = ""


class Row(msgspec.Struct, frozen=True):
    """An asset as the page shows it."""

    asset: str
    quantity: str
    price: str
    path: str
    value: str
    share: str
    average: str
    cost: str
    unrealised: str
    unrealised_way: str
    realised: str
    realised_way: str
    uncosted: str


class Slice(msgspec.Struct, frozen=True):
    """A part of the bar, in thousandths of it; ``colour``: which of the colours."""

    asset: str
    x: int
    width: int
    share: str
    colour: int


class MomentRow(msgspec.Struct, frozen=True):
    """A moment as the table beside the curve shows it."""

    at: datetime
    value: str
    flows: str
    result: str


def _text(units: int | None, currency: Currency) -> str:
    if units is None:
        return "–"
    return text_for_people(units_to_decimal(units, currency.scale), currency.scale)


def _way(units: int | None) -> str:
    return "up" if (units or 0) > 0 else "down" if (units or 0) < 0 else ""


def _figures(found: Portfolio, before: Moment | None) -> list[Figure]:
    """Return the sums: what there is, and what of it is of the period."""
    now, currency = found.sums, found.currency
    then = None if before is None else before.sums
    realised = now.realised - (then.realised if then else 0)
    result = realised + now.unrealised - (then.unrealised if then else 0)
    flows = now.flows - (then.flows if then else 0)

    def figure(key: str, title: str, units: int, *, has_way: bool = False) -> Figure:
        return Figure(key, title, _text(units, currency), _way(units) if has_way else "")

    return [
        figure("value", "Value", now.value),
        figure("result", "Result", result, has_way=True),
        figure("realised", "of it realised", realised, has_way=True),
        figure("unrealised", "Unrealised now", now.unrealised, has_way=True),
        figure("flows", "Deposits less withdrawals", flows),
        figure("fees", "Fees of 30 days", found.fees_value),
        figure("maker-volume", "Maker volume of 30 days", found.maker_volume),
        figure("taker-volume", "Taker volume of 30 days", found.taker_volume),
    ]


def _value_of(line: Line) -> tuple[int, str]:
    return -(line.value or 0), line.asset


def _share(line: Line, total: int) -> str:
    if line.value is None or total <= 0:
        return "–"
    return f"{units_to_text(half_even(line.value * 1_000, total), 1)} %"


def _rows(found: Portfolio) -> list[Row]:
    currency = found.currency
    return [
        Row(
            asset=line.asset,
            quantity=text_for_people(units_to_decimal(line.quantity, line.scale), line.scale),
            price=_price(line.price, currency),
            path=" → ".join(line.path),
            value=_text(line.value, currency),
            share=_share(line, found.sums.value),
            average=_price(line.average, currency),
            cost=_text(line.cost, currency),
            unrealised=_text(line.unrealised, currency),
            unrealised_way=_way(line.unrealised),
            realised=_text(line.realised, currency),
            realised_way=_way(line.realised),
            uncosted=text_for_people(units_to_decimal(line.uncosted, line.scale), line.scale)
            if line.uncosted
            else "",
        )
        for line in sorted(found.lines, key=_value_of)
    ]


def _price(units: int | None, currency: Currency) -> str:
    """Write a price with at most so many decimals that five digits of it are seen."""
    if units is None:
        return "–"
    decimals = min(currency.price_scale, max(2, currency.price_scale + 5 - len(str(units))))
    dropped = currency.price_scale - decimals
    shown = units_to_decimal(half_even(units, 10**dropped), decimals)
    return text_for_people(shown, decimals)


def _slices(found: Portfolio) -> list[Slice]:
    """Return what the assets that are worth something are of the whole, the largest first."""
    total = found.sums.value
    slices: list[Slice] = []
    x, summed = 0, 0
    for number, line in enumerate(sorted(found.lines, key=_value_of)):
        if not line.value or line.value < 0 or total <= 0:
            continue
        summed += line.value
        end = half_even(summed * 1_000, total)
        colour = min(number + 1, SLICES_MAX)
        slices.append(Slice(line.asset, x, end - x, _share(line, total), colour))
        x = end
    return slices


def _curve(moments: list[Moment], currency: Currency) -> dict[str, Any] | None:
    curve = draw_curve([(one.at, one.sums.value) for one in moments])
    if curve is None:
        return None
    lines = [{"y": line.y, "text": _short(line.units, currency)} for line in curve.lines]
    return {"drawn": curve, "lines": lines, "first": moments[0].at, "last": moments[-1].at}


def _short(units: int, currency: Currency) -> str:
    """Write a figure of the scale, which is a round one."""
    text = text_for_people(units_to_decimal(units, currency.scale), currency.scale, decimals_min=0)
    return text.removesuffix(".")


def _moment_rows(moments: list[Moment], currency: Currency) -> list[MomentRow]:
    return [
        MomentRow(
            one.at,
            _text(one.sums.value, currency),
            _text(one.sums.flows, currency),
            _text(one.sums.realised + one.sums.unrealised, currency),
        )
        for one in reversed(moments)
    ]


def _csv_rows(found: Portfolio, moments: list[Moment]) -> Iterator[list[str]]:
    scale, price_scale = found.currency.scale, found.currency.price_scale

    def text(units: int | None, its_scale: int = scale) -> str:
        return "" if units is None else units_to_text(units, its_scale)

    yield [f"Assets in {found.currency.code} at {found.at.isoformat()}"]
    yield ["asset", "quantity", "uncosted_quantity", "price", "path", "value", "cost",
           "average_cost", "realised", "unrealised"]  # fmt: skip
    for line in found.lines:
        yield [
            line.asset, text(line.quantity, line.scale), text(line.uncosted, line.scale),
            text(line.price, price_scale), " ".join(line.path), text(line.value), text(line.cost),
            text(line.average, price_scale), text(line.realised), text(line.unrealised),
        ]  # fmt: skip
    yield []
    yield ["History"]
    yield ["time", "value", "flows", "realised", "unrealised", "not_valued"]
    for one in moments:
        sums = one.sums
        yield [
            one.at.isoformat(), text(sums.value), text(sums.flows), text(sums.realised),
            text(sums.unrealised), " ".join(sums.unpriced),
        ]  # fmt: skip
