"""What services refuse about a person as a whole: data, erasure, second factors, addresses."""

from collections.abc import Mapping
from typing import Any, Final

from accounts import services as accounts
from accounts.access.actor import Actor, Permission
from accounts.people.email_links import EmailLink, change_link, undo_link
from tests.actors import SYSTEM, customer
from tests.rules.refusing import NOT_SUPERUSER, Call, Things, all_but, key

WHY: Final = {"reason": "by letter"}


def _change(by: Actor, things: Things, **more: Any) -> object:
    return accounts.change_email(by=by, token=change_link(things.user, "new@example.com"), **more)


def _undo(by: Actor, things: Things, old: str = "old@example.com") -> object:
    token = undo_link(EmailLink(things.user.pk, old, things.user.email))
    return accounts.undo_email_change(by=by, token=token)


REFUSED_PEOPLE: Final[Mapping[str, tuple[Call, ...]]] = {
    "purge_kept": (
        lambda ann, bob: accounts.purge_kept(by=NOT_SUPERUSER, kind="sessions"),
        lambda ann, bob: accounts.purge_kept(by=customer(ann.user), kind="sessions"),
        lambda ann, bob: accounts.purge_kept(by=SYSTEM, kind="ledger"),
    ),
    "change_email": (
        lambda ann, bob: _change(customer(bob.user), ann),
        lambda ann, bob: _change(key(ann, "read", "trade", "withdraw"), ann),
        lambda ann, bob: _change(SYSTEM, ann),
        lambda ann, bob: accounts.change_email(by=customer(ann.user), token="forged"),
        lambda ann, bob: accounts.change_email(
            by=customer(ann.user), token=change_link(ann.user, bob.user.email)
        ),
    ),
    "undo_email_change": (
        lambda ann, bob: _undo(customer(bob.user), ann),
        lambda ann, bob: _undo(key(ann), ann),
        lambda ann, bob: _undo(customer(ann.user), ann, old=ann.user.email),
        lambda ann, bob: _undo(customer(ann.user), ann, old=bob.user.email),
        lambda ann, bob: accounts.undo_email_change(by=customer(ann.user), token="forged"),
    ),
    "save_preferences": (
        lambda ann, bob: accounts.save_preferences(by=key(ann, "read", "trade"), document={}),
        lambda ann, bob: accounts.save_preferences(by=NOT_SUPERUSER, document={}),
        lambda ann, bob: accounts.save_preferences(by=SYSTEM, document={}),
        lambda ann, bob: accounts.save_preferences(by=customer(ann.user), document={"odd": 1}),
        lambda ann, bob: accounts.save_preferences(by=customer(ann.user), document={}, version=7),
    ),
    "request_own_data": (
        lambda ann, bob: accounts.request_own_data(by=key(ann, "read", "trade", "withdraw")),
        lambda ann, bob: accounts.request_own_data(by=NOT_SUPERUSER),
        lambda ann, bob: accounts.request_own_data(by=SYSTEM),
    ),
    "request_data_of": (
        lambda ann, bob: accounts.request_data_of(
            by=all_but(Permission.EXPORT_PERSON), user_id=ann.user.pk, **WHY
        ),
        lambda ann, bob: accounts.request_data_of(
            by=customer(ann.user), user_id=ann.user.pk, **WHY
        ),
        lambda ann, bob: accounts.request_data_of(by=SYSTEM, user_id=ann.user.pk, reason=" "),
        lambda ann, bob: accounts.request_data_of(by=SYSTEM, user_id=0, **WHY),
    ),
    "erase_own_person": (
        lambda ann, bob: accounts.erase_own_person(by=customer(ann.user), email=ann.user.email),
        lambda ann, bob: accounts.erase_own_person(by=customer(ann.user), email=bob.user.email),
        lambda ann, bob: accounts.erase_own_person(by=key(ann), email=ann.user.email),
        lambda ann, bob: accounts.erase_own_person(by=NOT_SUPERUSER, email=ann.user.email),
    ),
    "submit_erasure": (
        lambda ann, bob: accounts.submit_erasure(
            by=all_but(Permission.ERASE_PERSON), user_id=ann.user.pk, **WHY
        ),
        lambda ann, bob: accounts.submit_erasure(by=customer(ann.user), user_id=ann.user.pk, **WHY),
        lambda ann, bob: accounts.submit_erasure(by=SYSTEM, user_id=ann.user.pk, **WHY),
        lambda ann, bob: accounts.submit_erasure(by=SYSTEM, user_id=ann.user.pk, reason=""),
        lambda ann, bob: accounts.submit_erasure(by=SYSTEM, user_id=0, **WHY),
    ),
    "submit_factor_reset": (
        lambda ann, bob: accounts.submit_factor_reset(
            by=all_but(Permission.RESET_FACTORS), user_id=ann.user.pk, **WHY
        ),
        lambda ann, bob: accounts.submit_factor_reset(
            by=customer(ann.user), user_id=ann.user.pk, **WHY
        ),
        lambda ann, bob: accounts.submit_factor_reset(by=SYSTEM, user_id=ann.user.pk, **WHY),
        lambda ann, bob: accounts.submit_factor_reset(by=SYSTEM, user_id=ann.user.pk, reason=""),
        lambda ann, bob: accounts.submit_factor_reset(by=SYSTEM, user_id=0, **WHY),
    ),
}
