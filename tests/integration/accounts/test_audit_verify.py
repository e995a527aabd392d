"""What somebody did with the triggers off is found and named, and by a kept head all of it."""

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.chain.texts import COLUMNS
from accounts.chain.verifying import BATCH_MAX
from accounts.models import AuditRecord
from tests.desk_rows import end_here
from tests.integration.accounts.audit_trail import (
    INSERT,
    REWRITE,
    acts,
    head,
    superuser,
    verify,
)

pytestmark = pytest.mark.django_db

# Another value for each column of a record.
OTHERS = {
    "id": "-id",
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


def test_every_column_of_a_record_is_hashed():
    """A new one needs a new form of the text, in a migration and in ``accounts.chain.texts``."""
    names = {field.name for field in AuditRecord._meta.concrete_fields}
    assert names == set(COLUMNS) == set(OTHERS)


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
    status, lines = verify(first=9)
    assert (status, lines[0]) == (1, "position 8: there is no such link")
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
    assert verify(first=2, heads=[kept.upper()])[0] == 0


def test_a_long_trail_is_read_in_batches():
    count = 2 * BATCH_MAX + 1
    many = INSERT.replace("VALUES (", "SELECT ").removesuffix(")")
    with connection.cursor() as cursor:
        cursor.execute(f"{many} FROM generate_series(1, {count})")
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
