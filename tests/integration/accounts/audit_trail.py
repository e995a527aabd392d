"""Trails of acts for the tests of the chain, and the hand of who switches triggers off."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import StringIO
from typing import Any

from django.core.management import call_command
from django.db import connection, transaction

from accounts.audit import record_act
from accounts.models import AuditLink, AuditRecord
from tests.actors import SYSTEM
from tests.desk_rows import end_here

# What is made, or is nobody's to read: nothing was before it, or nothing of it can be told.
WITHOUT_BEFORE = {
    "account.open", "address.add", "approval.request", "asset.create", "key.create", "user.create",
    "user.change_password", "user.reset_link", "user.reset_password",
    "liabilities.publish", "report.export", "report.request", "account.cancel_orders", "note.add",
}  # fmt: skip
# A record as the version before writes it, which knows nothing of roles.
INSERT = (
    "INSERT INTO accounts_auditrecord (actor_kind, actor_name, address, request_id, act, subject,"
    " reason, details, created_at)"
    " VALUES ('system', 'nobody', '', '', 'asset.open', 'asset:X', '', '{}', now())"
)
# Hashes links anew from a position on, as somebody would who hides a change.
REWRITE = """
DO $$
DECLARE
    link accounts_auditlink;
    act accounts_auditrecord;
    before bytea := (SELECT previous FROM accounts_auditlink WHERE position = {first});
BEGIN
    FOR link IN SELECT * FROM accounts_auditlink WHERE position >= {first} ORDER BY position LOOP
        SELECT * INTO act FROM accounts_auditrecord WHERE id = link.record_id;
        UPDATE accounts_auditlink
            SET previous = before,
                hash = accounts_audit_hash(link.position, before, accounts_audit_text(act))
            WHERE position = link.position RETURNING hash INTO before;
    END LOOP;
END $$
"""


def act(name: str = "USD", **details: Any) -> AuditRecord:
    """Record an act in a transaction of its own or, within one of a test, as if it ended here."""
    with transaction.atomic():
        made = record_act(SYSTEM, "asset.open", f"asset:{name}", reason="for the test", **details)
    end_here()
    return made


def acts(count: int) -> list[AuditRecord]:
    """Record acts, one transaction each."""
    return [act(f"A{number}", was={"is_active": False}, now={}) for number in range(1, count + 1)]


@contextmanager
def superuser() -> Iterator[Any]:
    """Yield a cursor for whose statements no trigger fires."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        yield cursor
        cursor.execute("SET LOCAL session_replication_role = origin")


def positions() -> list[int]:
    """Return all positions of the chain, in order."""
    return list(AuditLink.objects.order_by("position").values_list("position", flat=True))


def verify(*, first: int = 1, heads: Sequence[str] = ()) -> tuple[int, list[str]]:
    """Run ``verify_audit``; return its exit status and the lines that it printed."""
    out = StringIO()
    kept = [text for one in heads for text in ("--head", one)]
    try:
        call_command("verify_audit", "--from", str(first), *kept, stdout=out, stderr=StringIO())
    except SystemExit as end:
        return int(end.code or 0), out.getvalue().splitlines()
    return 0, out.getvalue().splitlines()


def head() -> str:
    """Return the head that ``verify_audit`` prints of a chain that holds."""
    status, lines = verify()
    assert status == 0, lines
    return lines[-1].removeprefix("head ")
