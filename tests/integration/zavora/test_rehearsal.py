"""What PostgreSQL says of migrations on an empty copy of the tables, and how that is judged."""

import os
from typing import Any

import pytest
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import connection, migrations, models

from zavora.upgrade.database import server_major, table_sizes
from zavora.upgrade.judging import Judgement, Size, judge
from zavora.upgrade.observing import Observed
from zavora.upgrade.rehearsal import rehearse

pytestmark = pytest.mark.django_db(transaction=True)

TABLE = "matching_order"
LARGE, SMALL = Size(1 << 30, 10_000_000), Size(1 << 13, 3)


def migration(name: str, *operations: Any, is_atomic: bool = True) -> migrations.Migration:
    class Asked(migrations.Migration):
        pass

    Asked.operations, Asked.atomic = list(operations), is_atomic
    return Asked(name, "matching")


def sql(text: str) -> migrations.RunSQL:
    return migrations.RunSQL(text, migrations.RunSQL.noop)


def fill(apps: Any, schema_editor: Any) -> None:
    orders = apps.get_model("matching", "Order").objects.using(schema_editor.connection.alias)
    orders.filter(reason="never").update(reason="")


TRIED = (
    migration("01_field", migrations.AddField("order", "one", models.IntegerField(null=True))),
    migration(
        "02_default",
        migrations.AddField("order", "two", models.IntegerField(db_default=0)),
    ),
    migration(
        "03_no_default", migrations.AddField("order", "three", models.IntegerField(default=0))
    ),
    migration("04_index", migrations.AddIndex("order", models.Index(fields=["one"], name="t_one"))),
    migration(
        "05_concurrently",
        sql("CREATE INDEX CONCURRENTLY t_asset ON accounts_asset (name)"),
        AddIndexConcurrently("market", models.Index(fields=["phase"], name="t_phase")),
        is_atomic=False,
    ),
    migration("06_rewrite", sql(f"ALTER TABLE {TABLE} ALTER two TYPE bigint")),
    migration("07_rule", sql("ALTER TABLE accounts_asset ADD CONSTRAINT t_rule CHECK (id > 0)")),
    migration(
        "08_not_valid",
        sql(f"ALTER TABLE {TABLE} ADD CONSTRAINT t_three CHECK (three >= 0) NOT VALID"),
    ),
    migration("09_validate", sql(f"ALTER TABLE {TABLE} VALIDATE CONSTRAINT t_three")),
    migration("10_fill", migrations.RunPython(fill, migrations.RunPython.noop)),
    migration("11_remove", migrations.RemoveField("order", "one")),
    migration("12_required", sql("ALTER TABLE accounts_asset ALTER name SET NOT NULL")),
    migration("13_new", sql("CREATE TABLE t_new (id int); CREATE INDEX t_new_id ON t_new (id)")),
    migration("14_broken", sql("ALTER TABLE matching_order ALTER nothing SET NOT NULL")),
    migration("15_never", sql("SELECT 1")),
)


@pytest.fixture(scope="module")
def observed(django_db_setup: None, django_db_blocker: Any) -> dict[str, Observed]:
    with django_db_blocker.unblock():
        found = rehearse(os.environ["DATABASE_URL"], list(TRIED), major=server_major(connection))
        return {one.name.removeprefix("matching."): one for one in found}


def judged(observed: dict[str, Observed], name: str, size: Size) -> Judgement:
    sizes = dict.fromkeys((TABLE, f"{TABLE}_first", "accounts_asset", "matching_market"), size)
    sizes |= {table: size for effect in observed[name].effects for table in effect.read}
    return judge(observed[name], sizes)


@pytest.mark.parametrize(
    ("name", "large", "small"),
    [
        ("01_field", "expand", "expand"),
        ("02_default", "expand", "expand"),
        ("03_no_default", "contract", "contract"),
        ("04_index", "refuse", "expand"),
        ("05_concurrently", "expand", "expand"),
        ("06_rewrite", "refuse", "expand"),
        ("07_rule", "refuse", "contract"),
        ("08_not_valid", "contract", "contract"),
        ("09_validate", "expand", "expand"),
        ("10_fill", "refuse", "expand"),
        ("11_remove", "contract", "contract"),
        ("13_new", "expand", "expand"),
        ("14_broken", "refuse", "refuse"),
    ],
)
def test_a_migration_is_judged_by_what_it_does(
    observed: dict[str, Observed], name: str, large: str, small: str
) -> None:
    found = judged(observed, name, LARGE)
    assert (found.verdict, judged(observed, name, SMALL).verdict) == (large, small), found


def test_it_is_said_which_tables_are_locked_and_why(observed: dict[str, Observed]) -> None:
    found = judged(observed, "04_index", LARGE)
    (of_parent, *_) = [line for line in found.locks if line.startswith(f"{TABLE}:")]
    assert of_parent == f"{TABLE}: SHARE (1,024.0 MiB, about 10,000,000 rows)"
    assert 'CREATE INDEX "t_one"' in found.reasons[0]
    assert "AddIndexConcurrently" in found.reasons[0]
    assert judged(observed, "05_concurrently", LARGE).locks == []
    assert judged(observed, "09_validate", LARGE).locks == []
    (gone,) = judged(observed, "11_remove", LARGE).reasons
    assert gone == f"{TABLE}.one is gone"


def test_the_first_that_fails_is_the_last(observed: dict[str, Observed]) -> None:
    assert 'column "nothing"' in observed["14_broken"].failure
    assert "15_never" not in observed


def test_what_is_rehearsed_leaves_the_tables_in_use_alone(observed: dict[str, Observed]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('t_new'), to_regclass('t_one')")
        assert cursor.fetchone() == (None, None)
    assert observed
    assert table_sizes(connection)[TABLE].size > 0
