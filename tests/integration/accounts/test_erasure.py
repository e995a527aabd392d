"""Erasure: what names a person goes from every table, what adds up stays; when it is refused."""

import threading
import time
from decimal import Decimal

import pytest
from allauth.account.models import EmailAddress
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import DatabaseError, connection, transaction

from accounts.access.actor import Permission
from accounts.models import (
    Account,
    ApiKey,
    Asset,
    AuditRecord,
    Balance,
    Deposit,
    Invitation,
    LedgerEntry,
    Membership,
    Note,
    Report,
    User,
    Withdrawal,
)
from accounts.privacy.erasure import erase_now
from accounts.services import (
    KeyTerms,
    add_address,
    add_note,
    approve,
    create_asset,
    create_key,
    create_token,
    deposit,
    ensure_user,
    erase_own_person,
    request_own_data,
    request_withdrawal,
    save_preferences,
    set_account_status,
    set_user_active,
    settle_withdrawal,
    sign_up,
    submit_erasure,
    submit_threshold,
)
from marketdata.models import PriceAlert
from matching.models import Market, Shard
from matching.reconcile import reconcile
from tests.actors import SYSTEM, customer
from tests.approving import approver
from tests.factors import add_app
from tests.integration.accounts.audit_trail import verify
from tests.integration.accounts.test_races import Thread, run_together, wait_until_blocked
from tests.mails import mails_to
from tests.members import invited, shared
from tests.rules.refused import PASSWORD, things_of
from zavora.foundation.errors import AccountFrozen, Conflict, Forbidden, NotFound

pytestmark = pytest.mark.django_db(transaction=True)

EMAIL = "ann.kanariev@example.com"
FORM = {"email": EMAIL, "password": PASSWORD}
USD = {"asset": "USD", "amount": Decimal(5)}
# Nothing of these is in any table once the person is erased.
WORDS = ("kanariev", "Her own words", "192.0.2.77", "Kanarie Browser", "iban-of-her-aunt")


def a_market():
    """Return a market of dollars, made from its row alone."""
    bitcoin = create_asset(by=SYSTEM, code="BTC", name="Bitcoin", scale=8)
    shard, _ = Shard.objects.get_or_create(id=0)
    limits = dict.fromkeys(("max_notional", "max_price", "max_quantity"), 10**9)
    return Market.objects.create(
        symbol="BTC/USD", base=bitcoin, quote=Asset.objects.get(code="USD"), shard=shard,
        tick_size=Decimal("0.01"), lot_size=Decimal("0.00001"), **limits,
    )  # fmt: skip


@pytest.fixture
def ann(usd, client, settings):
    """Ann, who was everywhere and has nothing left."""
    settings.ZAVORA_FAUCET = False
    user = sign_up(**FORM)
    account = user.accounts.get()
    client.post("/login", FORM, headers={"User-Agent": "Kanarie Browser"}, REMOTE_ADDR="192.0.2.77")
    submit_threshold(by=SYSTEM, code="USD", amount=Decimal(9), reason="for the test")
    deposit(by=SYSTEM, account_id=account.public_id, source="bank", **USD)
    left = request_withdrawal(
        by=customer(user), account_id=account.public_id, address="where it went", **USD
    )
    settle_withdrawal(by=SYSTEM, withdrawal_id=left.pk)
    # As a version before wrote it.
    Withdrawal.objects.update(decided_by=f"user:{user.pk} {EMAIL}")
    create_token(by=SYSTEM, user_id=user.pk, scopes=["read"])
    add_address(by=SYSTEM, account_id=account.public_id, asset="USD", address="iban-of-her-aunt")
    Account.objects.filter(pk=account.pk).update(label="Her own words")
    add_app(user)
    support = approver("support", Permission.ADD_NOTE)
    add_note(by=support, user_id=user.pk, text="Her own words")
    save_preferences(by=customer(user), document={"layouts": [{"name": "Her own words"}]})
    PriceAlert.objects.create(
        user=user, market=a_market(), condition="rises_to", price=1, since_sequence=0,
        note="Her own words",
    )  # fmt: skip
    request_own_data(by=customer(user))
    return user


def erase(user, **more):
    erase_own_person(by=customer(user, confirmed_at=time.time(), **more), email=f" {EMAIL.upper()}")


def found_in_tables(word):
    """Return the tables that have a word in any column of any row, but those of records.

    Records of acts are never changed: theirs are looked at apart.
    """
    with connection.cursor() as cursor:
        tables = [one for one in connection.introspection.table_names(cursor)
                  if not one.startswith("accounts_audit")]  # fmt: skip
        found = []
        for table in tables:
            cursor.execute(
                f"SELECT count(*) FROM {table} t WHERE to_jsonb(t)::text ILIKE %s", [f"%{word}%"]
            )
            found += [table] * (cursor.fetchone()[0] > 0)
        return found


def figures():
    """Return what must stay as it is: the ledger, what moved, and what was recorded."""
    models = (LedgerEntry, Deposit, AuditRecord, Balance)
    moved = Withdrawal.objects.order_by("pk").values("id", "amount", "state", "address")
    return [list(model.objects.order_by("pk").values()) for model in models], list(moved)


def test_what_names_a_person_is_in_no_table_any_more(ann, client):
    for word in WORDS:
        assert found_in_tables(word), word
    before, had = figures(), set(AuditRecord.objects.values_list("pk", flat=True))
    assert "kanariev" not in str(before)  # records know people by number

    erase(ann)

    assert {word: found_in_tables(word) for word in WORDS} == {word: [] for word in WORDS}
    new = AuditRecord.objects.exclude(pk__in=had).get()
    assert (new.act, new.subject, new.actor_name) == (
        "user.erase", f"user:{ann.pk}", f"user:{ann.pk}",
    )  # fmt: skip
    assert "kanariev" not in str(new.details)
    after = figures()
    assert [rows for rows in after[0][2] if rows["id"] != new.pk] == before[0][2]
    assert (after[0][:2], after[0][3], after[1]) == (before[0][:2], before[0][3], before[1])
    assert reconcile() == []
    assert verify()[0] == 0
    assert not Note.objects.exists()
    assert not ApiKey.objects.exists()
    assert not Report.objects.exists()


def test_what_was_shared_ends_on_both_sides(ann):
    own = ann.accounts.get()
    bob, carol = (ensure_user(by=SYSTEM, email=f"{name}@example.com") for name in ("bob", "carol"))
    theirs = bob.accounts.get()
    proved = {"email": EMAIL, "verified": True, "primary": True}
    EmailAddress.objects.update_or_create(user=ann, defaults=proved)
    shared(theirs, ann, "trader")
    shared(own, carol, "trader")
    invited(own, "dave@example.com")
    invited(carol.accounts.get(), EMAIL)
    invited(theirs, "dave@example.com")
    terms = KeyTerms(scopes=["read", "trade"], account_id=own.public_id)
    key, _ = create_key(by=customer(carol), kind="hmac", terms=terms)

    erase(ann)

    assert not Membership.objects.exists()
    left = Invitation.objects.values_list("account", "email").get()
    assert left == (theirs.pk, "dave@example.com")
    assert ApiKey.objects.get(pk=key.pk).revoked_at is not None
    assert [one.status for one in (own, theirs) if one.refresh_from_db() is None] == [
        "closed", "active",
    ]  # fmt: skip
    ended = AuditRecord.objects.filter(act="member.remove").values_list("subject", flat=True)
    assert set(ended) == {f"account:{own.public_id}", f"account:{theirs.public_id}"}


def test_who_is_erased_never_gets_in_again(ann, client):
    assert client.get("/account").status_code == 200

    erase(ann)

    assert client.get("/account").status_code == 302
    client.post("/login", FORM)
    assert "_auth_user_id" not in client.session
    with pytest.raises(Conflict):
        set_user_active(by=SYSTEM, user_id=ann.pk, is_active=True)
    with pytest.raises(Conflict):
        set_account_status(by=SYSTEM, account_id=ann.accounts.get().public_id, status="active")
    with pytest.raises(AccountFrozen):
        deposit(by=SYSTEM, account_id=ann.accounts.get().public_id, source="bank", **USD)
    (told,) = [one for one in mails_to(EMAIL) if "deleted" in one.subject]
    assert "deleted" in str(told.body)
    again = sign_up(**FORM)  # the address is free, and its person is another one
    assert again.pk != ann.pk


@pytest.fixture
def bob(usd, settings):
    settings.ZAVORA_FAUCET = False
    return things_of("bob")


def test_it_is_refused_with_what_is_left(bob):
    with pytest.raises(Conflict) as refused:
        erase_own_person(by=customer(bob.user), email=bob.user.email)

    assert refused.value.details == {
        "balances": "100 USD",
        "orders": "held by open orders or withdrawals: 32 USD",
        "withdrawals": "4 withdrawals under way",
        "approvals": "1 decision of operators that waits",
        "events": "1 message of a provider that is not clear yet",
    }
    bob.user.refresh_from_db()
    assert (bob.user.is_active, bob.user.erased_at) == (True, None)


@pytest.mark.parametrize("seconds_ago", [None, 301])
def test_a_second_factor_has_to_be_shown_just_now(ann, seconds_ago):
    at = 0.0 if seconds_ago is None else time.time() - seconds_ago
    with pytest.raises(Forbidden, match="second factor"):
        erase_own_person(by=customer(ann, confirmed_at=at), email=EMAIL)
    with pytest.raises(Conflict, match="not your e-mail"):
        erase_own_person(by=customer(ann, confirmed_at=time.time()), email="other@example.com")
    assert User.objects.get(pk=ann.pk).erased_at is None


# --- by operators --------------------------------------------------------------------------------

ERASERS = (Permission.ERASE_PERSON, Permission.DECIDE_PERSON)


def test_an_operator_needs_a_second_person(ann):
    asker = approver("asker", *ERASERS)
    asked = submit_erasure(by=asker, user_id=ann.pk, reason="by letter")
    with pytest.raises(Forbidden, match="asked for themselves"):
        approve(by=asker, approval_id=asked.pk, reason="why not")
    for nosy in (approver("nosy"), approver("support", Permission.ERASE_PERSON)):
        with pytest.raises(Forbidden, match="decide_person"):
            approve(by=nosy, approval_id=asked.pk, reason="why not")
    assert User.objects.get(pk=ann.pk).erased_at is None

    done = approve(by=approver("second", *ERASERS), approval_id=asked.pk, reason="letter seen")

    assert done.state == "approved"
    assert User.objects.get(pk=ann.pk).erased_at is not None
    assert found_in_tables("kanariev") == []
    details = AuditRecord.objects.get(act="user.erase").details
    assert (details["approval"], details["requester"]) == (str(asked.pk), asker.user_id)


def test_what_came_meanwhile_lets_the_approval_fail(ann):
    asked = submit_erasure(by=approver("asker", *ERASERS), user_id=ann.pk, reason="by letter")
    deposit(by=SYSTEM, account_id=ann.accounts.get().public_id, source="bank", **USD)

    done = approve(by=approver("second", *ERASERS), approval_id=asked.pk, reason="letter seen")

    assert (done.state, done.outcome) == ("failed", "the person cannot be erased yet")
    assert User.objects.get(pk=ann.pk).email == EMAIL


def test_staff_are_not_erased(ann):
    User.objects.filter(pk=ann.pk).update(is_staff=True)
    with pytest.raises(Conflict) as refused:
        erase(ann)
    assert "rights" in refused.value.details


# --- at the same moment --------------------------------------------------------------------------


def erased(user):
    with transaction.atomic():
        erase_now(SYSTEM, user_id=user.pk, now=user.created_at)


@pytest.mark.parametrize("first", ["deposit", "erasure"])
def test_a_deposit_at_the_same_moment_is_seen_or_refused(ann, first):
    account_id = ann.accounts.get().public_id
    calls = {
        "deposit": lambda: deposit(by=SYSTEM, account_id=account_id, source="bank", **USD),
        "erasure": lambda: erased(ann),
    }
    hold, is_held = threading.Event(), threading.Event()

    def held():
        with transaction.atomic():
            list(User.objects.select_for_update().filter(pk=ann.pk))
            list(Account.objects.select_for_update(no_key=True).filter(public_id=account_id))
            is_held.set()
            hold.wait(20)

    holder = Thread(held)
    holder.start()
    assert is_held.wait(20)
    threads = {}
    for name in sorted(calls, key=lambda one: one != first):
        threads[name] = Thread(calls[name])
        threads[name].start()
        wait_until_blocked(len(threads))
    hold.set()
    for thread in (holder, *threads.values()):
        thread.join(20)

    is_erased = User.objects.get(pk=ann.pk).erased_at is not None
    has_money = Balance.objects.filter(account__owner=ann).exclude(available=0).exists()
    assert is_erased != has_money
    refused = threads["deposit" if is_erased else "erasure"].error
    assert isinstance(refused, AccountFrozen if is_erased else Conflict)
    assert reconcile() == []


def test_without_the_lock_of_the_account_both_would_pass(ann):
    """The control: who looks without it closes an account that money has come into."""
    account = ann.accounts.get()
    looked, booked = threading.Event(), threading.Event()

    def erase_without_lock():
        with transaction.atomic():
            empty = not Balance.objects.filter(account=account).exclude(available=0).exists()
            looked.set()
            assert booked.wait(20)
            if empty:
                Account.objects.filter(pk=account.pk).update(status="closed")

    def book():
        assert looked.wait(20)
        deposit(by=SYSTEM, account_id=account.public_id, source="bank", **USD)
        booked.set()

    for thread in run_together(erase_without_lock, book):
        assert thread.error is None
    account.refresh_from_db()
    assert account.status == "closed"
    assert Balance.objects.get(account=account).available == 5


# --- the database's own rules --------------------------------------------------------------------


def test_notes_go_only_with_who_is_erased(ann):
    note = Note.objects.get()
    with connection.cursor() as cursor:
        cursor.execute("SELECT accounts_erase_notes(%s)", [ann.pk])
        assert cursor.fetchone() == (0,)
    with pytest.raises(DatabaseError), transaction.atomic():
        Note.objects.filter(pk=note.pk).delete()
    assert Note.objects.get() == note


def test_the_operators_own_log_forgets_the_names_of_rows(ann):
    assert not LogEntry.objects.exists()
    LogEntry.objects.create(
        user=User.objects.get(email="support@desk.example"),
        content_type=ContentType.objects.get_for_model(User), object_id=str(ann.pk),
        object_repr=EMAIL, action_flag=2, change_message="shut out",
    )  # fmt: skip
    erase(ann)
    assert not LogEntry.objects.exists()


def test_nobody_else_deletes_somebodys_account(ann):
    for by in (SYSTEM, approver("support", *ERASERS)):
        with pytest.raises(Forbidden):
            erase_own_person(by=by, email=EMAIL)
    with pytest.raises(NotFound):
        submit_erasure(by=approver("asker", *ERASERS), user_id=0, reason="by letter")
