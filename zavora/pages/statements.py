"""The page of an account's reports: what was made, how far the rest is, and a form for more."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts.access.page_actors import customer_of, user_of
from accounts.liabilities.selectors import list_snapshots
from accounts.pages.sharing import reached_choices
from accounts.reports.selectors import list_reports_of_owner
from accounts.services import request_report
from zavora.foundation.errors import ZavoraError
from zavora.foundation.forms import show_error

REPORTS_SHOWN_MAX: Final = 20
SNAPSHOTS_SHOWN_MAX: Final = 5
KINDS: Final = (("statement", "Statement"), ("trades", "Trades and fees"))
FORMATS: Final = (("csv", "CSV"), ("pdf", "PDF"))
DAY_WIDGET: Final = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")


class ReportRow(msgspec.Struct, frozen=True):
    """A report as the page shows it; the last day is part of it."""

    id: int
    account_id: UUID
    account: str
    kind: str
    format: str
    first_day: datetime
    last_day: datetime
    state: str
    progress: int
    note: str

    @property
    def is_done(self) -> bool:
        """Whether it can be downloaded."""
        return self.state == "done"


class ReportForm(forms.Form):
    """A report to be made, of whole days (UTC)."""

    account = forms.TypedChoiceField(coerce=UUID)
    kind = forms.ChoiceField(label="Report", choices=KINDS)
    format = forms.ChoiceField(choices=FORMATS)
    first = forms.DateField(label="From (first day, UTC)", widget=DAY_WIDGET)
    last = forms.DateField(label="To (last day, UTC)", widget=DAY_WIDGET)

    def __init__(self, *args: Any, accounts: Sequence[Any], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        account = self.fields["account"]
        if isinstance(account, forms.ChoiceField):
            account.choices = [(str(one.public_id), one.label or "Account") for one in accounts]
        yesterday = timezone.now().date() - timedelta(days=1)
        self.fields["first"].initial = yesterday.replace(day=1)
        self.fields["last"].initial = yesterday


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def statements(request: HttpRequest) -> HttpResponse:
    """Show the reports of all accounts that one reaches, or ask for another one."""
    accounts = reached_choices(user_of(request).pk)
    if request.method != "POST":
        return _page(request, accounts, ReportForm(accounts=accounts))
    form = ReportForm(request.POST, accounts=accounts)
    if form.is_valid():
        data = form.cleaned_data
        try:
            request_report(
                by=customer_of(request),
                account_id=data["account"],
                kind=data["kind"],
                format=data["format"],
                period_from=_midnight(data["first"]),
                period_to=_midnight(data["last"] + timedelta(days=1)),
            )
        except ZavoraError as error:
            show_error(form, _by_fields(error))
        else:
            messages.success(request, "The report is being made.")
            return redirect("statements")
    return _page(request, accounts, form, status=400)


def _page(
    request: HttpRequest, accounts: Sequence[Any], form: ReportForm, *, status: int = 200
) -> HttpResponse:
    reports = list_reports_of_owner([one.pk for one in accounts], limit=REPORTS_SHOWN_MAX)
    context = {
        "reports": [_row(report) for report in reports],
        # Proofs are for an account's owner.
        "accounts": [one for one in accounts if one.owner_id == user_of(request).pk],
        "snapshots": list_snapshots(limit=SNAPSHOTS_SHOWN_MAX),
        "form": form,
    }
    return render(request, "accounts/statements.html", context, status=status)


def _row(report: Any) -> ReportRow:
    account = report.account
    return ReportRow(
        id=report.pk,
        account_id=account.public_id,
        account=account.label or "Account",
        kind=dict(KINDS)[report.kind],
        format=report.get_format_display(),
        first_day=report.period_from,
        last_day=report.period_to - timedelta(microseconds=1),
        state=report.state,
        progress=report.progress,
        note=report.note,
    )


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)


def _by_fields(error: ZavoraError) -> ZavoraError:
    """Return a refusal in the words of the form: its days are the period's ends."""
    names = {"from": "first", "to": "last"}
    return type(error)(str(error), **{names.get(k, k): v for k, v in error.details.items()})
