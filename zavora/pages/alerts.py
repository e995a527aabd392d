"""The page of one's price alerts: those that wait, those that were told, and a form for more."""

from decimal import Decimal
from typing import Any, Final

import msgspec
from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access.actor import Actor, ActorKind
from accounts.access.page_actors import address_of, customer_of, request_id_of, user_of
from accounts.people.emails import has_proved_email
from api.transport.errors import not_found_view
from marketdata.alerts.links import read_mails_link
from marketdata.alerts.selectors import list_alerts
from marketdata.alerts.services import (
    NOTE_LENGTH_MAX,
    AlertTerms,
    change_alert,
    remove_alert,
    set_alert,
    stop_alert_mails,
)
from marketdata.wire import AlertState
from matching.markets.selectors import list_market_terms
from zavora.foundation.errors import NotFound, ZavoraError
from zavora.foundation.forms import DecimalTextField, sentence, show_error
from zavora.foundation.money import text_for_people
from zavora.foundation.times import moment_of

CONDITIONS: Final = (("rises_to", "rises to"), ("falls_to", "falls to"))


class AlertForm(forms.Form):
    """An alert; its market is chosen when it is made."""

    market = forms.ChoiceField()
    condition = forms.ChoiceField(label="When the last price", choices=CONDITIONS)
    price = DecimalTextField(label="Price")
    note = forms.CharField(
        label="Note (optional)", required=False, max_length=NOTE_LENGTH_MAX, strip=True
    )
    repeats = forms.BooleanField(label="Again each time it comes back", required=False)
    by_page = forms.BooleanField(label="Tell me in the page", required=False, initial=True)
    by_mail = forms.BooleanField(label="Send me a mail", required=False)

    def __init__(self, *args: Any, of: AlertState | None, may_mail: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        market, by_mail = self.fields["market"], self.fields["by_mail"]
        if of is not None:
            del self.fields["market"]
        elif isinstance(market, forms.ChoiceField):
            listed = [one for one in list_market_terms() if one.rules.phase != "delisted"]
            market.choices = [(one.symbol, one.symbol) for one in listed]
        if not may_mail:
            by_mail.disabled = True
            by_mail.help_text = "Confirm your e-mail address first."

    def terms(self) -> AlertTerms:
        """Return what was asked for; the form is valid."""
        data = {name: self.cleaned_data[name] for name in AlertTerms.__struct_fields__}
        return AlertTerms(**{**data, "price": f"{data['price']:f}"})


class AlertRow(msgspec.Struct, frozen=True):
    """An alert as the page shows it."""

    state: AlertState
    condition: str
    told_at: Any

    @property
    def price(self) -> str:
        """Its price, thousands parted."""
        return _grouped(self.state.price)

    @property
    def told_price(self) -> str:
        """At which price it was told last, if it was."""
        return _grouped(self.state.told_price) if self.state.told_price else ""

    @property
    def path(self) -> str:
        """What the trading page calls its market."""
        return self.state.market.replace("/", "-")

    @property
    def is_live(self) -> bool:
        """Whether it waits for the price."""
        return self.state.state != "told"


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def alerts(request: HttpRequest) -> HttpResponse:
    """Show one's alerts, or set another one."""
    user_id = user_of(request).pk
    form = AlertForm(request.POST or None, of=None, may_mail=has_proved_email(user_id))
    if request.method == "POST" and form.is_valid():
        try:
            set_alert(
                by=customer_of(request),
                market=form.cleaned_data["market"],
                terms=form.terms(),
                page_url=request.build_absolute_uri(reverse("alerts")),
            )
        except ZavoraError as error:
            show_error(form, error)
        else:
            messages.success(request, "The alert is set.")
            return redirect("alerts")
    return _page(request, form)


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def change(request: HttpRequest, alert_id: int) -> HttpResponse:
    """Change one of one's alerts; another price arms it anew."""
    user_id = user_of(request).pk
    known = next((one for one in list_alerts(user_id) if one.alert_id == alert_id), None)
    if known is None and request.method == "POST":
        messages.error(request, "There is no such alert.")
        return redirect("alerts")
    if known is None:
        return not_found_view(request)
    now = {name: getattr(known, name) for name in AlertTerms.__struct_fields__}
    may_mail = has_proved_email(user_id)
    form = AlertForm(request.POST or None, of=known, may_mail=may_mail, initial=now)
    if request.method == "POST" and form.is_valid():
        asked = msgspec.structs.asdict(form.terms())
        is_same = asked["condition"] == known.condition and _is_same(asked["price"], known.price)
        if is_same and known.state != "told":
            # It goes on waiting as it does.
            del asked["price"], asked["condition"]
        try:
            change_alert(by=customer_of(request), alert_id=alert_id, changes=asked)
        except NotFound:
            return not_found_view(request)
        except ZavoraError as error:
            show_error(form, error)
        else:
            messages.success(request, "The alert is changed.")
            return redirect("alerts")
    return _page(request, form, known)


@login_required
@require_POST
def remove(request: HttpRequest, alert_id: int) -> HttpResponse:
    """Remove one of one's alerts."""
    try:
        remove_alert(by=customer_of(request), alert_id=alert_id)
    except ZavoraError as error:
        messages.error(request, sentence(str(error)))
    else:
        messages.success(request, "The alert is removed.")
    return redirect("alerts")


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def stop_mails(request: HttpRequest, token: str) -> HttpResponse:
    """Switch mails about alerts off, by the link of one. A look does nothing; the button does."""
    user_id = read_mails_link(token)
    is_done = request.method == "POST" and user_id is not None
    if is_done:
        by = Actor(
            kind=ActorKind.USER,
            name="",
            user_id=user_id,
            address=address_of(request),
            request_id=request_id_of(request),
        )
        stop_alert_mails(by=by, token=token)
    context = {"is_valid": user_id is not None, "is_done": is_done}
    status = 200 if user_id is not None else 400
    return render(request, "accounts/alert_mails.html", context, status=status)


def _page(request: HttpRequest, form: AlertForm, of: AlertState | None = None) -> HttpResponse:
    words = dict(CONDITIONS)
    rows = [
        AlertRow(one, words[one.condition], moment_of(one.told_us) if one.told_us else None)
        for one in list_alerts(user_of(request).pk)
    ]
    context = {
        "live": [row for row in rows if row.is_live],
        "past": [row for row in rows if not row.is_live],
        "form": form,
        "changed": of,
    }
    status = 400 if form.is_bound and form.errors else 200
    return render(request, "accounts/alerts.html", context, status=status)


def _grouped(text: str) -> str:
    price = Decimal(text)
    decimals = len(text.partition(".")[2])
    return text_for_people(price, decimals, decimals_min=decimals)


def _is_same(text: str, other: str) -> bool:
    return text.rstrip("0").rstrip(".") == other.rstrip("0").rstrip(".")
