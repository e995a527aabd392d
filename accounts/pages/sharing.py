"""What pages show of sharing: members and invitations, and what others share."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from accounts.models import Account
from accounts.pages.forms import InviteForm
from accounts.people.selectors import (
    list_accounts,
    list_members,
    list_memberships,
    list_open_invitations,
)


class MemberRow(msgspec.Struct, frozen=True):
    """A member of one of the user's accounts."""

    id: int
    email: str
    role: str
    since: datetime


class InvitationRow(msgspec.Struct, frozen=True):
    """An invitation that can still be accepted."""

    id: int
    email: str
    role: str
    expires_at: datetime


class Sharing(msgspec.Struct, frozen=True):
    """Who shares an account; ``is_open``: the part of the page is shown unfolded."""

    members: list[MemberRow]
    invitations: list[InvitationRow]
    form: InviteForm
    is_open: bool

    @property
    def count(self) -> int:
        """How many members there are."""
        return len(self.members)


def sharing_of(
    accounts: Sequence[Account], refused: Mapping[UUID, InviteForm], *, unfolded: str
) -> dict[int, Sharing]:
    """Return who shares each account, by its primary key.

    ``refused``: forms that take the place of empty ones; ``unfolded``: an account's id.
    """
    pks = [account.pk for account in accounts]
    members: dict[int, list[MemberRow]] = defaultdict(list)
    for member in list_members(pks):
        row = MemberRow(member.pk, member.user.email, member.role, member.created_at)
        members[member.account_id].append(row)
    invitations: dict[int, list[InvitationRow]] = defaultdict(list)
    for one in list_open_invitations(pks):
        made = InvitationRow(one.pk, one.email, one.role, one.expires_at)
        invitations[one.account_id].append(made)
    return {
        account.pk: Sharing(
            members=members[account.pk],
            invitations=invitations[account.pk],
            form=refused.get(account.public_id) or InviteForm(about=str(account.public_id)),
            is_open=account.public_id in refused or str(account.public_id) == unfolded,
        )
        for account in accounts
    }


def reached_choices(user_id: int) -> list[Account]:
    """Return accounts for a form: one's own, then those of others, called by their owner, too."""
    shared = [one.account for one in list_memberships(user_id)]
    for account in shared:
        account.label = f"{account.label or 'Account'} of {account.owner}"
    return [*list_accounts(user_id), *shared]
