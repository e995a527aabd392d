"""What people do to rights, keys and money of their own: on record with the effect, or neither."""

from copy import deepcopy
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.core import serializers
from django.db import DatabaseError, connection
from django.test.utils import CaptureQueriesContext

from accounts.access.actor import ActorKind
from accounts.audit import find_operators_act, record_act
from accounts.models import AuditRecord
from accounts.people.password_links import reset_tokens
from accounts.services import (
    KeyTerms,
    add_address,
    cancel_own_withdrawal,
    change_own_password,
    create_account,
    create_api_key,
    create_key,
    create_token,
    deposit,
    ensure_user,
    handle_event,
    invite_member,
    rename_account,
    rename_key,
    request_report,
    request_withdrawal,
    reset_password,
    retry_payout,
    revoke_key,
    save_group,
    set_allow_list,
    set_user_rights,
    settle_withdrawal,
    sign_up,
)
from tests.actors import SYSTEM, customer
from tests.admin_walk import Watch
from tests.integration.accounts.test_rights import ACTS, COMMON_ACTS
from tests.rules.refused import PASSWORD
from zavora.foundation.errors import Conflict, Forbidden, InvariantBroken, ValidationFailed

pytestmark = pytest.mark.django_db

NEW_PASSWORD = "purple lamp garden six"
FROM = {"address": "192.0.2.7", "request_id": "request-of-ann"}
USD = {"asset": "USD", "amount": Decimal(5)}

# By the name of the record: what a person does to their own. Each returns what must stay secret.
OWN_ACTS = {
    "deposit.faucet": lambda by, to: deposit(by=by, account_id=to.account, source="faucet", **USD),
    "withdrawal.request": lambda by, to: request_withdrawal(
        by=by, account_id=to.account, address="far", **USD
    ),
    "withdrawal.cancel": lambda by, to: cancel_own_withdrawal(
        by=by, account_id=to.account, withdrawal_id=to.withdrawal
    ),
    "account.open": lambda by, to: create_account(by=by, owner_id=to.user.pk, label="Bots"),
    "address.add": lambda by, to: add_address(
        by=by, account_id=to.account, asset="USD", address="home"
    ),
    "account.allow_list": lambda by, to: set_allow_list(by=by, account_id=to.account, is_on=True),
    "account.rename": lambda by, to: rename_account(by=by, account_id=to.account, label="Bots"),
    "report.request": lambda by, to: request_report(
        by=by,
        account_id=to.account,
        kind="trades",
        format="csv",
        period_from=datetime(2025, 1, 1, tzinfo=UTC),
        period_to=datetime(2025, 2, 1, tzinfo=UTC),
    ),
}
# The same, where a key does not reach.
OWN_ACTS_AT_A_SESSION = {
    "key.create": lambda by, to: create_token(by=by, user_id=to.user.pk, scopes=["read"])[1],
    "key.create signing": lambda by, to: (
        create_api_key(
            by=by, user_id=to.user.pk, account_id=to.account, kind="hmac", scopes=["trade"]
        ).secret
    ),
    "key.create own": lambda by, to: create_key(
        by=by, kind="hmac", terms=KeyTerms(scopes=["read"])
    )[1],
    "key.change": lambda by, to: rename_key(by=by, key_id=to.key, label="Renamed"),
    "key.revoke": lambda by, to: revoke_key(by=by, key_id=to.key),
    "member.invite": lambda by, to: invite_member(
        by=by, account_id=to.account, email="new@example.com", role="viewer"
    )[1],
    "user.change_password": lambda by, to: change_own_password(
        by=by, old_password=PASSWORD, new_password=NEW_PASSWORD
    ),
    "user.reset_password": lambda by, to: reset_password(
        user_id=to.user.pk, token=reset_tokens.make_token(to.user), password=NEW_PASSWORD, **FROM
    ),
}
EVERY_OWN_ACT = OWN_ACTS | OWN_ACTS_AT_A_SESSION
# What operators do; rights and groups are the superusers' and the exchange's own.
OPERATORS_ACTS = {name: act for name, (_, act) in (ACTS | COMMON_ACTS).items()} | {
    "user.rights": lambda by, to: set_user_rights(
        by=by, user_id=to.user.pk, is_staff=True, is_superuser=False
    ),
    "group.save": lambda by, to: save_group(by=by, name="Friends", permissions=[]),
    "deposit.gateway": lambda by, to: deposit(by=by, account_id=to.account, source="bank", **USD),
    "payout.retry": lambda by, to: retry_payout(by=by, payout_id=to.dead.pk),
    "provider.handle": lambda by, to: handle_event(by=by, event_id=to.event.pk, reason="seen"),
}


@pytest.fixture
def ann(lasting_things, settings):
    settings.ZAVORA_FAUCET = True
    return deepcopy(lasting_things["ann"])


def new_records(known):
    return list(AuditRecord.objects.exclude(pk__in=known).order_by("pk"))


def known_records():
    return set(AuditRecord.objects.values_list("pk", flat=True))


@pytest.mark.parametrize("name", EVERY_OWN_ACT)
def test_what_a_person_does_at_a_session_is_on_record(ann, name):
    known = known_records()

    secret = EVERY_OWN_ACT[name](customer(ann.user, **FROM), ann)

    (record,) = new_records(known)
    assert (record.act, record.actor_kind, record.actor_name) == (
        name.split()[0], "user", f"user:{ann.user.pk}",
    )  # fmt: skip
    assert (record.user_id, record.key_id) == (ann.user.pk, None)
    assert (record.address, record.request_id) == ("192.0.2.7", "request-of-ann")
    written = serializers.serialize("json", [record])
    assert ann.user.email not in written
    for hidden in (secret, PASSWORD, NEW_PASSWORD):
        assert not isinstance(hidden, str) or hidden not in written
    ann.user.refresh_from_db()
    assert ann.user.password not in written
    for key in ann.user.api_keys.filter(kind="bearer"):
        assert key.lookup not in written


@pytest.mark.parametrize("name", OWN_ACTS)
def test_what_a_key_does_is_on_record_with_the_key(ann, name):
    known = known_records()

    OWN_ACTS[name](customer(ann.user, kind=ActorKind.KEY, key_id=ann.key, **FROM), ann)

    (record,) = new_records(known)
    assert (record.act, record.actor_kind) == (name, "key")
    assert (record.user_id, record.key_id, record.address) == (ann.user.pk, ann.key, "192.0.2.7")


def test_a_record_says_what_was_moved_and_what_a_key_may(ann):
    by = customer(ann.user)
    about = f"account:{ann.account}"
    first = request_withdrawal(by=by, account_id=ann.account, address="far", **USD)
    given = deposit(by=by, account_id=ann.account, source="faucet", **USD)
    key, _ = create_token(by=by, user_id=ann.user.pk, scopes=["trade", "read"], label="bot")

    asked, faucet, made = AuditRecord.objects.order_by("-pk")[:3][::-1]

    def held(available, locked, **more):
        return {"available": f"{available}.00000000", "locked": f"{locked}.00000000", **more}

    moved = {"asset": "USD", "amount": "5"}
    assert (asked.subject, asked.details) == (
        about,
        moved | {"withdrawal": str(first.pk), "address": "far", "state": "settled"}
        | {"was": held(68, 32), "now": held(63, 32, state="settled")},
    )  # fmt: skip
    assert (faucet.subject, faucet.details) == (
        about,
        moved | {"deposit": str(given.pk), "source": "faucet", "external_reference": ""}
        | {"was": held(63, 32), "now": held(68, 32)},
    )  # fmt: skip
    assert (made.subject, made.details) == (
        f"user:{ann.user.pk}",
        {
            "key": key.pk, "label": "bot", "kind": "bearer", "scopes": ["read", "trade"],
            "account": None, "markets": None, "ip_allowed": [], "expires_at": None,
        },
    )  # fmt: skip


def test_what_is_asked_again_is_on_record_once(ann):
    by = customer(ann.user)
    known = known_records()
    for _ in range(3):
        record = request_withdrawal(by=by, account_id=ann.account, address="far", key="w", **USD)
        deposit(by=by, account_id=ann.account, source="faucet", key="d", **USD)
        cancel_own_withdrawal(by=by, account_id=ann.account, withdrawal_id=ann.withdrawal)
        revoke_key(by=by, key_id=ann.key)
    with pytest.raises(Conflict):
        cancel_own_withdrawal(by=by, account_id=ann.account, withdrawal_id=record.pk)

    assert sorted(record.act for record in new_records(known)) == [
        "deposit.faucet", "key.revoke", "withdrawal.cancel", "withdrawal.request",
    ]  # fmt: skip


class Broken(DatabaseError):
    """What happens right after a record was written."""


def break_after_the_record(execute, sql, params, many, context):
    result = execute(sql, params, many, context)
    if sql.startswith('INSERT INTO "accounts_auditrecord"'):
        raise Broken
    return result


@pytest.mark.parametrize("name", EVERY_OWN_ACT | OPERATORS_ACTS)
def test_an_act_that_is_rolled_back_leaves_neither_effect_nor_record(ann, name):
    act = EVERY_OWN_ACT.get(name)
    by = customer(ann.user) if act is not None else SYSTEM
    with (
        Watch() as watch,
        connection.execute_wrapper(break_after_the_record),
        pytest.raises(Broken),
    ):
        (act or OPERATORS_ACTS[name])(by, ann)

    assert not watch.has_changed


def test_a_new_person_of_the_exchange_and_their_account_are_on_record(db):
    known = known_records()
    ensure_user(by=SYSTEM, email="new@example.com")
    ensure_user(by=SYSTEM, email="new@example.com")
    acts = [(record.act, record.actor_kind) for record in new_records(known)]
    assert acts == [("user.create", "system"), ("account.open", "system")]


def test_who_signs_up_is_in_the_log_and_not_on_record(db):
    """A stranger's act: there is nobody yet to be named, and anybody could fill the table."""
    known = known_records()
    sign_up(email="new@example.com", password=PASSWORD)
    assert new_records(known) == []


def test_the_page_of_a_movement_names_operators_and_no_customers(ann):
    by = customer(ann.user)
    about = [f"account:{ann.account}"]
    given = deposit(by=by, account_id=ann.account, source="faucet", **USD)
    assert find_operators_act(about, "deposit", str(given.pk)) is None
    assert find_operators_act(about, "withdrawal", str(ann.withdrawal)).act == "withdrawal.request"

    settle_withdrawal(by=SYSTEM, withdrawal_id=ann.withdrawal)

    assert find_operators_act(about, "withdrawal", str(ann.withdrawal)).act == "withdrawal.settle"


def test_a_password_is_changed_by_the_old_one_alone(ann):
    by = customer(ann.user)
    for old, new in (("wrong", NEW_PASSWORD), (PASSWORD, "12345"), ("", NEW_PASSWORD)):
        with pytest.raises(ValidationFailed):
            change_own_password(by=by, old_password=old, new_password=new)
    ann.user.refresh_from_db()
    assert ann.user.check_password(PASSWORD)

    change_own_password(by=by, old_password=PASSWORD, new_password=NEW_PASSWORD)

    ann.user.refresh_from_db()
    assert ann.user.check_password(NEW_PASSWORD)


def test_of_a_reset_and_a_change_the_later_one_knows_of_the_first(ann):
    by = customer(ann.user)
    before = reset_tokens.make_token(ann.user)
    change_own_password(by=by, old_password=PASSWORD, new_password=NEW_PASSWORD)
    with pytest.raises(Forbidden):
        reset_password(user_id=ann.user.pk, token=before, password=PASSWORD)

    ann.user.refresh_from_db()
    reset_password(
        user_id=ann.user.pk, token=reset_tokens.make_token(ann.user), password="other words of mine"
    )
    with pytest.raises(ValidationFailed):
        change_own_password(by=by, old_password=NEW_PASSWORD, new_password=PASSWORD)


def test_an_act_without_a_name_is_a_bug_and_never_on_record(db):
    known = known_records()
    with pytest.raises(InvariantBroken):
        record_act(SYSTEM, "money.vanish", "account:1")
    assert new_records(known) == []


def test_the_list_of_records_reads_no_more_of_them_than_it_shows(ann, client):
    """Which acts there are is known: the table, which grows for ever, is not asked for it."""
    boss = ensure_user(by=SYSTEM, email="root@example.com", is_staff=True, is_superuser=True)
    client.force_login(boss)
    with CaptureQueriesContext(connection) as asked:
        page = client.get(
            "/admin/accounts/auditrecord/", {"act": "key.create", "actor_kind": "system"}
        )
    assert page.status_code == 200
    shown = page.context["cl"].result_list
    assert {(row.act, row.actor_kind) for row in shown} == {("key.create", "system")}
    from_table = [one["sql"] for one in asked if "accounts_auditrecord" in one["sql"]]
    assert from_table
    assert not [sql for sql in from_table if "DISTINCT" in sql]
    assert client.get("/admin/accounts/auditrecord/", {"act": "nothing"}).status_code == 200


@pytest.mark.parametrize("door", ["page", "api"])
def test_every_door_tells_the_record_who_came_from_where_by_which_request(ann, client, door):
    asked = {"asset": "USD", "amount": "5", "address": "far"}
    if door == "page":
        client.force_login(ann.user)
        form = {**asked, "account": str(ann.account), "key": "k"}
        answer = client.post("/account/withdraw", form, REMOTE_ADDR="192.0.2.9")
        assert answer.status_code == 302
        who = ("user", None)
    else:
        key, token = create_token(by=SYSTEM, user_id=ann.user.pk, scopes=["withdraw"])
        answer = client.post(
            f"/api/v1/accounts/{ann.account}/withdraw", asked, content_type="application/json",
            headers={"Authorization": f"Bearer {token}"}, REMOTE_ADDR="192.0.2.9",
        )  # fmt: skip
        assert answer.status_code == 200
        who = ("key", key.pk)

    record = AuditRecord.objects.filter(act="withdrawal.request").order_by("-pk").first()
    assert (record.actor_kind, record.key_id) == who
    assert (record.user_id, record.address) == (ann.user.pk, "192.0.2.9")
    assert record.request_id == answer.headers["X-Request-Id"]
