"""The trail that nobody can edit in silence: chained by the database, verified beside it."""

import importlib

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.audit import record_act
from accounts.chain.texts import BEFORE_ALL, COLUMNS, link_hash
from accounts.chain.verifying import BATCH_MAX
from accounts.models import AuditLink, AuditRecord
from tests.actors import SYSTEM
from tests.desk_rows import end_here
from tests.integration.accounts.audit_trail import (
    REWRITE,
    act,
    acts,
    head,
    positions,
    superuser,
    verify,
)
from zavora.foundation.times import moment_of

pytestmark = pytest.mark.django_db
IN_TRANSACTIONS = pytest.mark.django_db(transaction=True)

# Another value for each column of a record.
OTHERS = {
    "id": "id + 1",
    "actor_kind": "'user'",
    "actor_name": "'somebody'",
    "role": "'risk'",
    "user_id": "7",
    "key_id": "7",
    "address": "'192.0.2.1'",
    "request_id": "'another'",
    "act": "'asset.close'",
    "subject": "'asset:EUR'",
    "reason": "''",
    "details": "'{\"was\": {}}'",
    "created_at": "created_at + interval '1 microsecond'",
}
INSERT = (
    "INSERT INTO accounts_auditrecord (actor_kind, actor_name, address, request_id, act, subject,"
    " reason, details, created_at)"
    " VALUES ('system', 'nobody', '', '', 'asset.open', 'asset:X', '', '{}', now())"
)


# --- chaining ------------------------------------------------------------------------------------


@IN_TRANSACTIONS
def test_each_record_is_chained_to_the_one_before_when_it_commits():
    made = acts(3)

    links = list(AuditLink.objects.order_by("position"))
    assert [(link.position, link.record_id) for link in links] == [
        (place, record.pk) for place, record in enumerate(made, start=1)
    ]
    assert bytes(links[0].previous) == BEFORE_ALL
    assert [bytes(link.previous) for link in links[1:]] == [bytes(link.hash) for link in links[:-1]]
    status, lines = verify()
    assert (status, lines[-1]) == (0, f"head 3:{bytes(links[-1].hash).hex()}")
    assert "the chain holds; 3 links hashed" in lines[-2]


@transaction.atomic
def act_and_fail():
    record_act(SYSTEM, "asset.open", "asset:NEVER")
    raise ZeroDivisionError


@IN_TRANSACTIONS
def test_what_is_rolled_back_leaves_neither_record_nor_link_nor_gap():
    act()
    with pytest.raises(ZeroDivisionError):
        act_and_fail()
    with transaction.atomic():
        with pytest.raises(ZeroDivisionError):
            act_and_fail()
        record_act(SYSTEM, "asset.open", "asset:EUR")
        record_act(SYSTEM, "asset.close", "asset:EUR")

    assert not AuditRecord.objects.filter(subject="asset:NEVER").exists()
    rows = AuditLink.objects.order_by("position").values_list("position", "record__subject")
    assert list(rows) == [(1, "asset:USD"), (2, "asset:EUR"), (3, "asset:EUR")]
    assert AuditRecord.objects.get(link__position=3).act == "asset.close"
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM accounts_auditturn")
        assert cursor.fetchone() == (0,)
    assert verify()[0] == 0


@IN_TRANSACTIONS
def test_what_the_version_before_writes_is_chained_too():
    """It knows nothing of roles, and may run beside this one."""
    with connection.cursor() as cursor:
        cursor.execute(INSERT)
    assert AuditRecord.objects.get().role == ""
    assert verify()[0] == 0


def test_records_of_before_are_chained_in_the_order_of_ids():
    with superuser() as cursor:
        for _ in range(3):
            cursor.execute(INSERT)
    assert positions() == []
    migration = importlib.import_module("accounts.migrations.0010_audit_chain")

    with connection.cursor() as cursor:
        cursor.execute(migration.FILL_SQL)
    act()

    assert positions() == [1, 2, 3, 4]
    records = AuditLink.objects.order_by("position").values_list("record_id", flat=True)
    assert list(records) == sorted(records)
    assert verify()[0] == 0


def test_every_column_of_a_record_is_hashed():
    """A new one needs a new form of the text, in a migration and in ``accounts.chain.texts``."""
    names = {field.name for field in AuditRecord._meta.concrete_fields}
    assert names == set(COLUMNS) == set(OTHERS)


TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30)
NUMBER = st.none() | st.integers(-(2**63), 2**63 - 1)
DETAILS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(
    records=st.lists(
        st.fixed_dictionaries(
            dict.fromkeys(("actor_name", "role", "subject", "reason"), TEXT)
            | {"user_id": NUMBER, "key_id": NUMBER, "details": DETAILS}
            | {"created_at": st.integers(-(10**15), 10**16).map(moment_of)}
        ),
        min_size=1,
        max_size=4,
    )
)
def test_any_record_is_hashed_here_as_the_database_hashed_it(records):
    with transaction.atomic():
        for columns in records:
            AuditRecord.objects.create(actor_kind="user", act="asset.open", **columns)
    end_here()
    assert verify()[0] == 0


def test_no_two_records_have_the_same_text():
    same = {
        link_hash(BEFORE_ALL, 1, columns)
        for columns in (["a", "b"], ["ab", ""], ["", "ab"], ["a", None], ["a", ""], ["a,1:b", ""])
    }
    assert len(same) == 6


# --- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE accounts_auditlink SET form = 2",
        "UPDATE accounts_auditlink SET form = 2 WHERE false",
        "DELETE FROM accounts_auditlink",
        "UPDATE accounts_auditrecord SET reason = 'other'",
        "DELETE FROM accounts_auditrecord",
    ],
)
def test_records_and_links_refuse_to_change_for_their_owner_as_well(statement):
    act()
    before = (AuditLink.objects.values().get(), AuditRecord.objects.values().get())
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        connection.cursor().execute(statement)
    assert before == (AuditLink.objects.values().get(), AuditRecord.objects.values().get())


@pytest.mark.parametrize("name", ["record", "link"])
def test_records_and_links_refuse_to_be_emptied(name):
    act()
    table, trigger = f"accounts_audit{name}", f"audit_{name}_no_truncate"
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER {trigger}")  # which tests are without
        with pytest.raises(DatabaseError, match="append-only: TRUNCATE"), transaction.atomic():
            cursor.execute(f"TRUNCATE {table}")
    assert positions() == [1]


# --- what is found -------------------------------------------------------------------------------


@pytest.mark.parametrize("column", OTHERS)
def test_a_changed_record_is_found_whatever_was_changed(column):
    made = acts(4)
    with superuser() as cursor:
        cursor.execute(
            f"UPDATE accounts_auditrecord SET {column} = {OTHERS[column]} WHERE id = %s",
            [made[1].pk],
        )

    status, lines = verify()

    assert status == 1
    if column == "id":
        assert lines[0] == f"position 2, record {made[1].pk}: the record is missing"
    else:
        assert lines[0].startswith(f"position 2, record {made[1].pk} (")
        assert lines[0].endswith("the record, or its link, was changed")
    assert lines[-1].startswith("good up to 1:")


LINK_COPY = (
    "INSERT INTO accounts_auditlink (position, record_id, form, previous, hash)"
    " SELECT {position}, r.id, 1, {hash}, l.hash"
    " FROM accounts_auditlink l, accounts_auditrecord r"
    " WHERE l.position = 2 AND r.subject = 'asset:X'"
)
# Names keep the rows from each other while they move.
RENUMBER = (
    "UPDATE accounts_auditlink SET position = -position WHERE position > {after}",
    "UPDATE accounts_auditlink SET position = {by} - position WHERE position < -{after}",
)


def renumber(after, by):
    return [statement.format(after=after, by=by) for statement in RENUMBER]


# What somebody did with the triggers off, and where and how it shows. Records stand at 1 to 5.
TAMPERED = {
    "a record deleted": (
        ["DELETE FROM accounts_auditrecord WHERE subject = 'asset:A3'"],
        "position 3, record {A3}: the record is missing",
    ),
    "a record and its link deleted": (
        [
            "DELETE FROM accounts_auditlink WHERE position = 3",
            "DELETE FROM accounts_auditrecord WHERE subject = 'asset:A3'",
        ],
        "position 3: its link, and so a record, is missing",
    ),
    "the same, and the rest moved up": (
        [
            "DELETE FROM accounts_auditlink WHERE position = 3",
            "DELETE FROM accounts_auditrecord WHERE subject = 'asset:A3'",
            *renumber(3, -1),
        ],
        "position 3, record {A4} (asset.open asset:A4): it does not follow",
    ),
    "the first deleted, and the rest moved up": (
        ["DELETE FROM accounts_auditlink WHERE position = 1", *renumber(1, -1)],
        "position 1, record {A2} (asset.open asset:A2): it does not follow",
    ),
    "a record without a link": ([INSERT], "record {X} (asset.open asset:X): it was put beside"),
    "a record at the end with a link of its own": (
        [INSERT, LINK_COPY.format(position=6, hash="l.previous")],
        "position 6, record {X} (asset.open asset:X): it does not follow",
    ),
    "the same, with the right hash before it": (
        [
            INSERT,
            LINK_COPY.format(
                position=6, hash="(SELECT hash FROM accounts_auditlink WHERE position = 5)"
            ),
        ],
        "position 6, record {X} (asset.open asset:X): the record, or its link, was changed",
    ),
    "a record put between": (
        [INSERT, *renumber(2, 1), LINK_COPY.format(position=3, hash="l.hash")],
        "position 3, record {X} (asset.open asset:X): the record, or its link, was changed",
    ),
    "a link before all others": (
        [INSERT, LINK_COPY.format(position=0, hash="l.previous")],
        "position 0, record {X}: this link stands before the beginning",
    ),
    "two links exchanged": (
        [
            "UPDATE accounts_auditlink SET position = 0 WHERE position = 2",
            "UPDATE accounts_auditlink SET position = 2 WHERE position = 3",
            "UPDATE accounts_auditlink SET position = 3 WHERE position = 0",
        ],
        "position 2, record {A3} (asset.open asset:A3): it does not follow",
    ),
    "two records exchanged": (
        [
            "UPDATE accounts_auditlink SET record_id = -record_id WHERE position IN (2, 3)",
            *(
                "UPDATE accounts_auditlink SET record_id = (SELECT id FROM accounts_auditrecord"
                f" WHERE subject = 'asset:A{other}') WHERE position = {position}"
                for position, other in ((2, 3), (3, 2))
            ),
        ],
        "position 2, record {A3} (asset.open asset:A3): reordered: record {A2} stood here",
    ),
    "a link's hash changed": (
        ["UPDATE accounts_auditlink SET hash = sha256('x') WHERE position = 5"],
        "position 5, record {A5} (asset.open asset:A5): the record, or its link, was changed",
    ),
    "a form that nobody knows": (
        ["UPDATE accounts_auditlink SET form = 9 WHERE position = 4"],
        "position 4, record {A4} (asset.open asset:A4): its form 9 is unknown",
    ),
    "a time that there is not": (
        ["UPDATE accounts_auditrecord SET created_at = 'infinity' WHERE subject = 'asset:A4'"],
        "position 4, record {A4} (asset.open asset:A4): the record, or its link, was changed",
    ),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_what_a_superuser_did_is_found_and_named(name):
    acts(5)
    ids = {row.subject.removeprefix("asset:"): row.pk for row in AuditRecord.objects.all()}
    statements, expected = TAMPERED[name]
    with superuser() as cursor:
        for statement in statements:
            cursor.execute(statement)
    ids["X"] = AuditRecord.objects.filter(subject="asset:X").values_list("pk", flat=True).first()

    status, lines = verify()

    assert status == 1
    assert lines[0].startswith(expected.format(**ids)), lines
    assert "does NOT hold" in lines[-2]


def test_a_chain_written_anew_is_found_by_a_head_that_was_kept():
    made = acts(3)
    early = head()
    acts(2)
    kept = head()
    with superuser() as cursor:
        cursor.execute(
            "UPDATE accounts_auditrecord SET reason = 'never mind' WHERE id = %s", [made[2].pk]
        )
        cursor.execute(REWRITE.format(first=3))
    acts(1)

    assert verify()[0] == 0  # the control: in itself it holds
    for heads, told in (([kept], 1), ([early], 1), ([kept, early], 2)):
        status, lines = verify(heads=heads)
        assert status == 1
        assert len([line for line in lines if "the chain was rewritten" in line]) == told
        assert lines[0].startswith(f"kept head {heads[0]}: ")


def test_an_end_that_was_cut_off_is_found_by_a_head_that_was_kept():
    made = acts(4)
    kept = head()
    with superuser() as cursor:
        cursor.execute("DELETE FROM accounts_auditlink WHERE position = 4")
        cursor.execute("DELETE FROM accounts_auditrecord WHERE id = %s", [made[3].pk])

    assert verify()[0] == 0  # the control
    status, lines = verify(heads=[kept])
    assert (status, lines[0]) == (
        1, f"kept head {kept}: there is no such link: the end was cut off",
    )  # fmt: skip


def test_verifying_goes_on_from_a_kept_head():
    acts(3)
    kept = head()
    acts(2)

    status, lines = verify(first=4, heads=[kept])

    assert status == 0
    assert "2 links hashed" in lines[-2]
    with superuser() as cursor:
        cursor.execute("UPDATE accounts_auditlink SET hash = sha256('x') WHERE position = 3")
    status, lines = verify(first=4, heads=[kept])
    assert status == 1
    assert "it does not follow" in lines[0]
    assert "the chain was rewritten" in lines[1]
    assert verify(first=9) == (1, ["position 8: there is no such link", *verify(first=9)[1][1:]])
    with pytest.raises(CommandError, match="--head: expected none before position 4"):
        verify(first=5, heads=[kept])


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--head", "12"], "expected POSITION:HASH"),
        (["--head", "1:" + "0" * 63], "expected POSITION:HASH"),
        (["--from", "0"], "expected a position, a whole number from 1 on"),
        (["--from", "9" * 30], "expected a position"),
    ],
)
def test_what_is_no_position_and_no_head_is_refused(arguments, expected):
    with pytest.raises(CommandError, match=expected):
        call_command("verify_audit", *arguments)


def test_a_head_as_it_is_printed_is_read_again():
    acts(2)
    kept = head()
    with pytest.raises(SystemExit):
        call_command("verify_audit", "--head", kept.replace("2:", "1:"))
    assert call_command("verify_audit", "--from", "2", "--head", kept) is None


def test_a_long_trail_is_read_in_batches():
    count = 2 * BATCH_MAX + 1
    with connection.cursor() as cursor:
        cursor.execute(
            INSERT.replace("VALUES (", "SELECT ").removesuffix(")")
            + f" FROM generate_series(1, {count})"
        )
    end_here()
    with CaptureQueriesContext(connection) as asked:
        status, lines = verify()

    assert status == 0
    assert lines[-1].startswith(f"head {count}:")
    batches = [one["sql"] for one in asked if "ORDER BY l.position LIMIT" in one["sql"]]
    assert len(batches) == 3


def test_an_empty_trail_holds():
    assert head() == f"0:{bytes(32).hex()}"
    assert verify(heads=[head()])[0] == 0
