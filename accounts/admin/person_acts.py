"""What operators do about a person as a whole: export, erasure, second factors; with a reason."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from accounts.access.actor import Actor, Permission
from accounts.access.page_actors import operator_of
from accounts.models import Approval, User
from accounts.privacy.erasure import list_obstacles
from accounts.services import request_data_of, submit_erasure, submit_factor_reset
from zavora.foundation.admin.forms import Facts, ask_before, no_facts


class ReasonAskedForm(forms.Form):
    """Why it is done; there is no doing it without."""

    reason = forms.CharField(max_length=200, help_text="Stands in the record of this for good.")


def facts_of_erasure(user: User) -> Facts:
    """Return what keeps a person from being erased."""
    return [(name, text) for name, text in list_obstacles(user).items()]


class PersonActs:
    """Actions of the list of people, for its admin class; each row by its service."""

    def has_export_permission(self, request: HttpRequest) -> bool:
        """Return whether the operator may have files made of all that is known of people."""
        return request.user.has_perm(Permission.EXPORT_PERSON)

    def has_erase_permission(self, request: HttpRequest) -> bool:
        """Return whether the operator may ask for people to be erased."""
        return request.user.has_perm(Permission.ERASE_PERSON)

    def has_factors_permission(self, request: HttpRequest) -> bool:
        """Return whether the operator may ask for second factors to be reset."""
        return request.user.has_perm(Permission.RESET_FACTORS)

    @admin.action(description="Make a file of all that is known…", permissions=["export"])
    def export_data(self, request: HttpRequest, rows: QuerySet[User]) -> HttpResponse | None:
        """Have a file made that the person finds at their pages."""

        def act(by: Actor, user: User, reason: str) -> str:
            request_data_of(by=by, user_id=user.pk, reason=reason)
            return "a file of their data is being made"

        return self._ask(request, rows, title="Make a file of their data", act=act)

    @admin.action(description="Reset second factors…", permissions=["factors"])
    def reset_factors(self, request: HttpRequest, rows: QuerySet[User]) -> HttpResponse | None:
        """Ask a second person to have second factors taken that were lost."""

        def act(by: Actor, user: User, reason: str) -> str:
            return _waits(submit_factor_reset(by=by, user_id=user.pk, reason=reason))

        return self._ask(request, rows, title="Reset second factors", act=act)

    @admin.action(description="Erase…", permissions=["erase"])
    def erase(self, request: HttpRequest, rows: QuerySet[User]) -> HttpResponse | None:
        """Ask a second person to have people erased who asked for it."""

        def act(by: Actor, user: User, reason: str) -> str:
            return _waits(submit_erasure(by=by, user_id=user.pk, reason=reason))

        return self._ask(request, rows, title="Erase", act=act, facts=facts_of_erasure)

    def _ask(
        self,
        request: HttpRequest,
        rows: QuerySet[User],
        *,
        title: str,
        act: Callable[[Actor, User, str], str],
        facts: Callable[[Any], Facts] = no_facts,
    ) -> HttpResponse | None:
        by = operator_of(request)

        def act_on(user: User, data: dict[str, Any]) -> str:
            return act(by, user, data["reason"])

        return ask_before(
            self, request, list(rows), ReasonAskedForm, title=title, facts=facts, act=act_on
        )


def _waits(approval: Approval) -> str:
    return f"it waits for a second person: {approval}"
