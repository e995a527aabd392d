"""Operators' pages of what waits for another person: to see what it is, approve and refuse."""

from collections.abc import Iterator, Sequence
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.timesince import timesince

from accounts.access.page_actors import operator_of
from accounts.admin.look_ups import ACCOUNT_WORDS, of_account
from accounts.approvals.kinds import KINDS
from accounts.models import Approval
from accounts.people.selectors import find_user
from accounts.services import approve, refuse
from zavora.foundation.admin.base import ReadOnlyAdmin, Related, filter_by
from zavora.foundation.admin.cells import NOTHING
from zavora.foundation.admin.forms import ask_before
from zavora.foundation.admin.search import Branch, numbers, recent


class DecisionForm(forms.Form):
    """Why somebody decides as they do."""

    reason = forms.CharField(max_length=200, help_text="Stands in the record of this for good.")


def _by_person(term: str) -> Iterator[Branch]:
    """Find what the person of this address asked for."""
    user = find_user(term) if "@" in term else None
    if user is not None:
        yield Branch(Q(requester=user.pk))


def approvals_text(approval: Approval | None) -> str:
    """Return how many of those who are needed have approved."""
    if approval is None:
        return NOTHING
    return f"{approval.approvers_given} of {approval.approvers_needed}"


def arguments_text(approval: Approval) -> str:
    """Return what would be done, on a line."""
    return ", ".join(f"{name}: {value}" for name, value in approval.arguments.items() if value)


def told_of_request(row: Model) -> str:
    """Return what to tell of an act that waits for a second person; empty for one that is done."""
    return f"It waits for a second person: {row}" if isinstance(row, Approval) else ""


def facts_of_approval(approval: Approval) -> list[tuple[str, str]]:
    """Return what somebody should know who decides."""
    asked = timesince(approval.created_at)
    return [
        ("What", f"{approval.kind}; {arguments_text(approval)}"),
        ("Of", str(approval.about or approval.subject)),
        ("Asked for by", f"{approval.requester or 'the exchange itself'}, {asked} ago"),
        ("Their reason", approval.reason or NOTHING),
        ("Approved by", ", ".join(_approvers(approval)) or "nobody yet"),
        ("Approvals", approvals_text(approval)),
        ("Expires", f"{approval.expires_at:%Y-%m-%d %H:%M} UTC"),
    ]


def _approvers(approval: Approval) -> Iterator[str]:
    for one in (approval.first_approver, approval.second_approver):
        if one is not None:
            yield str(one)


def ask_to_decide(
    model_admin: Any,
    request: HttpRequest,
    rows: Sequence[Any],
    *,
    facts: Any,
    is_approved: bool,
    approval_of: Any = lambda row: row.pk,
) -> HttpResponse | None:
    """Ask for a reason, then approve or refuse each row's approval."""
    by = operator_of(request)
    decide = approve if is_approved else refuse

    def act(row: Any, data: dict[str, Any]) -> str:
        decided = decide(by=by, approval_id=approval_of(row), reason=data["reason"])
        if decided.state == Approval.State.REQUESTED:
            return f"approved, {approvals_text(decided)}: it waits for another person"
        return f"{decided.state}. {decided.outcome}".rstrip(" .")

    title = "Approve" if is_approved else "Refuse"
    return ask_before(model_admin, request, rows, DecisionForm, title=title, facts=facts, act=act)


@admin.register(Approval)
class ApprovalAdmin(ReadOnlyAdmin):
    """What one person asked for and others decide about; those that wait are decided here."""

    list_display = (
        "id",
        "kind",
        "what",
        "about",
        "requester",
        "approvals",
        "state",
        "created_at",
        "expires_at",
    )
    list_filter = ("state", filter_by("kind", KINDS))
    list_select_related = ("about", "requester", "first_approver", "second_approver")
    sortable_by = ("id",)
    fields = (
        "id",
        "kind",
        "what",
        "account",
        "about",
        "subject",
        "reason",
        "requester",
        "approvals",
        "first_approver",
        "first_approved_at",
        "second_approver",
        "second_approved_at",
        "state",
        "refused_by",
        "outcome",
        "created_at",
        "expires_at",
        "decided_at",
    )
    look_ups = (numbers("pk"), of_account("account"), _by_person, recent("subject", "topic"))
    searched_by = (
        f"{ACCOUNT_WORDS}, approval id, e-mail of who asked; subject, withdrawal id or asset,"
        " among the newest approvals"
    )
    related = (Related("accounts.auditrecord", lambda row: row.subject),)
    actions = ("approve", "refuse")

    def get_ordering(self, request: HttpRequest) -> Any:
        """Show those that wait by age, the oldest first."""
        is_waiting = request.GET.get("state__exact") == Approval.State.REQUESTED
        return ("pk",) if is_waiting else ("-pk",)

    @admin.display(description="what")
    def what(self, row: Approval) -> str:
        """Return what would be done."""
        return arguments_text(row)

    @admin.display(description="approvals")
    def approvals(self, row: Approval) -> str:
        """Return how many have approved."""
        return approvals_text(row)

    def has_decide_permission(self, request: HttpRequest) -> bool:
        """Return whether the operator may decide about any kind; the service asks which."""
        return any(request.user.has_perm(kind.permission) for kind in KINDS.values())

    @admin.action(description="Approve…", permissions=["decide"])
    def approve(self, request: HttpRequest, rows: QuerySet[Approval]) -> HttpResponse | None:
        """Approve what others asked for, with a reason."""
        return self._decide(request, rows, is_approved=True)

    @admin.action(description="Refuse…", permissions=["decide"])
    def refuse(self, request: HttpRequest, rows: QuerySet[Approval]) -> HttpResponse | None:
        """Refuse what others asked for, with a reason."""
        return self._decide(request, rows, is_approved=False)

    def _decide(
        self, request: HttpRequest, rows: QuerySet[Approval], *, is_approved: bool
    ) -> HttpResponse | None:
        return ask_to_decide(
            self, request, list(rows), facts=facts_of_approval, is_approved=is_approved
        )
