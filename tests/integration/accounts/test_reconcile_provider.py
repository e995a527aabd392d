"""``manage.py reconcile_provider``: what differs between a provider's statement and the ledger."""

import json
import tracemalloc
from datetime import UTC, datetime
from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.test import Client

from accounts.models import AuditRecord, Payout
from accounts.money.provider_reconcile import DIFFERENCES_MAX, compare_statement
from accounts.providers.statements import Row, read_statement
from tests.approving import approve_up_to
from tests.providers import NAME, SETTINGS, deposit_of, event_of, post, sent_payout
from zavora.foundation.errors import ValidationFailed

pytestmark = pytest.mark.django_db(transaction=True)
HEAD = "type,reference,asset,amount,time\n"
LONG_AGO = "2020-01-01T00:00:00Z"


@pytest.fixture(autouse=True)
def provider(settings):
    for name, value in SETTINGS.items():
        setattr(settings, name, value)


@pytest.fixture
def moved(funded):
    """What the provider has taken in and paid out, as rows of its statement."""
    approve_up_to(100)
    client = Client()
    for number in range(3):
        post(client, deposit_of("confirmed", f"in-{number}", funded, f"{number + 1}.50"))
    post(client, deposit_of("seen", "in-later", funded, 9))
    payouts = [sent_payout(funded, amount) for amount in (10, 20)]
    post(client, event_of("withdrawal.paid", payouts[0].public_id, 10))
    now = datetime.now(UTC).isoformat()
    return [
        # Its time is the provider's: the period begins with it.
        ["deposit", "in-0", "USD", "1.5", LONG_AGO],
        ["deposit", "in-1", "USD", "2.5", now],
        ["deposit", "in-2", "USD", "3.50", now],
        ["withdrawal", str(payouts[0].public_id), "USD", "10.00", now],
    ]


def as_csv(rows):
    return HEAD + "".join(f"{','.join(row)}\n" for row in rows)


def as_jsonl(rows):
    names = HEAD.strip().split(",")
    return "".join(f"{json.dumps(dict(zip(names, row, strict=True)))}\n" for row in rows)


def reconcile(tmp_path, text, *options):
    """Return exit status and lines of the command about a file."""
    file = tmp_path / "statement"
    file.write_text(text)
    out = StringIO()
    try:
        call_command("reconcile_provider", str(file), *options, stdout=out)
    except SystemExit as end:
        return int(end.code), out.getvalue().splitlines()
    return 0, out.getvalue().splitlines()


@pytest.mark.parametrize("spelled", [as_csv, as_jsonl])
def test_a_statement_that_agrees(tmp_path, moved, spelled):
    before = AuditRecord.objects.count()
    assert reconcile(tmp_path, spelled(moved)) == (
        0, ["reconcile_provider: 4 rows, everything agrees"],
    )  # fmt: skip
    assert AuditRecord.objects.count() == before
    assert "statement_rows" not in connection.introspection.table_names()


def test_each_difference_is_a_line(tmp_path, moved):
    paid, now = moved[3][1], moved[3][4]
    sent = str(Payout.objects.get(state="sent").public_id)
    rows = [
        ["deposit", "in-1", "USD", "2.51", now],
        ["deposit", "in-2", "BTC", "3.5", now],
        ["deposit", "in-9", "USD", "4", now],
        ["deposit", "in-later", "USD", "9", now],  # seen here, and not credited yet
        ["withdrawal", sent, "USD", "20", now],
        ["withdrawal", sent, "USD", "20", LONG_AGO],
        ["deposit", paid, "USD", "10", now],
    ]
    status, lines = reconcile(tmp_path, as_csv(rows))
    assert status == 1
    counted = "1 more than once in the statement, 5 missing here, 2 differs, 2 missing there"
    twice = f"more than once in the statement: withdrawal {sent}: "
    assert lines == [
        f"{twice}statement once, ledger 2 times",
        f"missing here: deposit {paid}: statement 10 USD, ledger nothing",
        "missing here: deposit in-9: statement 4 USD, ledger nothing",
        "missing here: deposit in-later: statement 9 USD, ledger nothing",
        f"missing here: withdrawal {sent}: statement 20 USD, ledger nothing",
        f"missing here: withdrawal {sent}: statement 20 USD, ledger nothing",
        "differs: deposit in-1: statement 2.51 USD, ledger 2.5 USD",
        "differs: deposit in-2: statement 3.5 BTC, ledger 3.5 USD",
        "missing there: deposit in-0: statement nothing, ledger 1.5 USD",
        f"missing there: withdrawal {paid}: statement nothing, ledger 10 USD",
        f"reconcile_provider: 7 rows, {counted}",
    ]
    status, lines = reconcile(tmp_path, as_csv(rows), "--json")
    found = json.loads(lines[0])
    assert (status, found["rows"], len(found["differences"])) == (1, 7, 10)


def test_what_is_missing_there_is_asked_of_the_period_alone(tmp_path, moved):
    status, lines = reconcile(
        tmp_path, HEAD, "--from", "2020-01-01T00:00Z", "--to", "2020-02-01T00:00Z"
    )
    assert (status, lines) == (0, ["reconcile_provider: 0 rows, everything agrees"])
    status, lines = reconcile(
        tmp_path, HEAD, "--from", "2020-01-01T00:00Z", "--to", "2999-01-01T00:00Z"
    )
    assert (status, len(lines)) == (1, 5)
    # Somebody else's statement is about somebody else's money.
    assert reconcile(tmp_path, HEAD, "--provider", "another", "--from", LONG_AGO)[0] == 0


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("type,reference,asset\n", "line 1 of the statement; line: expected the columns amount"),
        (f"{HEAD}deposit,in-1,USD,1\n", "line 2 of the statement; line: time: expected a text"),
        (f"{HEAD}gift,in-1,USD,1,{LONG_AGO}\n", "line 2 of the statement; line: type"),
        (f"{HEAD}deposit,in-1,USD,1e3,{LONG_AGO}\n", "line 2 of the statement; line: amount"),
        (f"{HEAD}deposit,in-1,USD,NaN,{LONG_AGO}\n", "line 2 of the statement; line: amount"),
        (f"{HEAD}deposit,in-1,USD,1,2020-01-01\n", "line 2 of the statement; line: time"),
        (f"{HEAD}deposit,,USD,1,{LONG_AGO}\n", "line 2 of the statement; line: reference"),
        ('{"type": "deposit"}\n', "line 1 of the statement; line: reference"),
        ('{"type": "deposit"}\n[1]\n', "line 1 of the statement; line: reference"),
        ("{\n", "line 1 of the statement; line: expected a JSON object"),
        (HEAD + "x" * 20_000, "line 2 of the statement; line: expected at most"),
    ],
)
def test_a_bad_line_is_named(tmp_path, db, text, told):
    with pytest.raises(CommandError) as refusal:
        reconcile(tmp_path, text)
    assert str(refusal.value).startswith(told)


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(CommandError, match="No such file"):
        call_command("reconcile_provider", str(tmp_path / "nothing"))


def test_a_statement_of_any_length_takes_the_same_memory(db):
    """Held at a time: a batch of rows, and the differences that are shown."""
    now = datetime.now(UTC)

    def lines(count):
        yield HEAD
        for number in range(count):
            yield f"deposit,in-{number},USD,1.5,{now.isoformat()}\n"

    peaks = []
    for count in (2_000, 5_000):
        tracemalloc.start()
        compared = compare_statement(read_statement(lines(count)), provider=NAME)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert compared.counts["missing here"] == compared.rows == count
        assert len(compared.differences) == DIFFERENCES_MAX
    assert peaks[1] < 1.5 * peaks[0]


def test_a_bad_row_leaves_nothing(db):
    def rows():
        yield Row("deposit", "in-1", "USD", 1, datetime.now(UTC))
        raise ValidationFailed("line 2 of the statement")

    with pytest.raises(ValidationFailed):
        compare_statement(rows(), provider=NAME)
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('statement_rows')")
        assert cursor.fetchone() == (None,)
