"""The trail that nobody can edit in silence: chained by the database, verified beside it."""

import pytest
from django.db import DatabaseError, connection, transaction
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.audit import record_act
from accounts.chain.texts import BEFORE_ALL, link_hash
from accounts.models import AuditLink, AuditRecord
from tests.actors import SYSTEM
from tests.desk_rows import end_here
from tests.integration.accounts.audit_trail import (
    INSERT,
    act,
    acts,
    positions,
    verify,
)
from zavora.foundation.times import moment_of

pytestmark = pytest.mark.django_db
IN_TRANSACTIONS = pytest.mark.django_db(transaction=True)


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
    """A database of the version before is brought up to date: all of its records are linked.

    Of that migration the last two steps are tried, which alone see records; to go through all
    others back and forth took longer than the tests of all records together.
    """
    graph = MigrationLoader(connection).graph
    (key,) = (key for key in graph.nodes if key[1].endswith("_audit_chain"))
    fill, triggers = graph.nodes[key].operations[-2:]
    state = ProjectState()  # which plain SQL does not look at
    with connection.schema_editor() as editor:
        triggers.database_backwards("accounts", editor, state, state)
    with_id = INSERT.replace("(actor_kind", "(id, actor_kind").replace("('system'", "(%s, 'system'")
    with connection.cursor() as cursor:
        cursor.executemany(with_id, [[5], [3], [4]])
    assert not AuditLink.objects.exists()

    with connection.schema_editor() as editor:
        fill.database_forwards("accounts", editor, state, state)
        triggers.database_forwards("accounts", editor, state, state)
    last = act()

    links = AuditLink.objects.order_by("position").values_list("position", "record_id")
    assert list(links) == [(1, 3), (2, 4), (3, 5), (4, last.pk)]
    assert verify()[0] == 0


TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30)
NUMBER = st.none() | st.integers(-(2**63), 2**63 - 1)
DETAILS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@settings(max_examples=30, deadline=None)
@given(
    records=st.lists(
        st.fixed_dictionaries(
            dict.fromkeys(("actor_name", "role", "subject", "reason"), TEXT)
            | {"user_id": NUMBER, "key_id": NUMBER, "details": st.dictionaries(TEXT, DETAILS)}
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
