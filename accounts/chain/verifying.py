"""Does the chain of records still hold? Read link by link, in batches, and hashed anew.

What somebody with the rights of a superuser did to it shows here: whatever their statements kept
quiet, the hashes do not agree. Only who writes the whole chain anew from some record on, or cuts
its end off, gets by; against that stands a head that was kept elsewhere (``Head``).
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import msgspec
from django.db import connection

from accounts.chain.texts import BEFORE_ALL, COLUMNS, FORM, columns_as_text, link_hash
from accounts.models import AuditLink, AuditRecord

BATCH_MAX: Final = 2_000
HEAD_LENGTH_MAX: Final = 100
_HEAD: Final = re.compile(r"([0-9]{1,18}):([0-9a-f]{64})")
_BEFORE_EVERY_POSITION: Final = -(2**63)
_NAMES: Final = {"link": AuditLink._meta.db_table, "record": AuditRecord._meta.db_table}
_LINKS: Final = (
    "SELECT l.position, l.record_id, l.form, l.previous, l.hash, r.id IS NOT NULL,"
    f" {columns_as_text('r')}"
    " FROM {link} l LEFT JOIN {record} r ON r.id = l.record_id"
    " WHERE l.position > %s ORDER BY l.position LIMIT %s"
).format(**_NAMES)
_HASH: Final = "SELECT hash FROM {link} WHERE position = %s".format(**_NAMES)
# A record and its link are there from the same moment on, so one statement sees both or neither.
_BESIDE: Final = (
    "SELECT r.id, r.act, r.subject FROM {record} r"
    " WHERE NOT EXISTS (SELECT FROM {link} l WHERE l.record_id = r.id) ORDER BY r.id LIMIT 1"
).format(**_NAMES)


class Head(msgspec.Struct, frozen=True):
    """How far the chain went once: the position of a link, and its hash."""

    position: int
    hash: bytes

    @classmethod
    def parse(cls, text: str) -> "Head":
        """Read ``POSITION:HASH`` as it was printed; raises ValueError."""
        found = _HEAD.fullmatch(text.strip().lower()[:HEAD_LENGTH_MAX])
        if found is None:
            raise ValueError("expected POSITION:HASH, as verify_audit prints it")
        return cls(int(found[1]), bytes.fromhex(found[2]))

    def __str__(self) -> str:
        return f"{self.position}:{self.hash.hex()}"


class Fault(msgspec.Struct, frozen=True):
    """Where the chain does not hold, and how that shows."""

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


class Verdict(msgspec.Struct, frozen=True):
    """What was found. ``head`` is the last link that holds; ``links`` how many were hashed."""

    head: Head
    links: int
    faults: tuple[Fault, ...]


class _Link(msgspec.Struct, frozen=True):
    position: int
    record_id: int
    form: int
    previous: bytes
    hash: bytes
    has_record: bool
    columns: tuple[str | None, ...]

    @property
    def place(self) -> str:
        return f"position {self.position}, record {self.record_id}"

    @property
    def named(self) -> str:
        """Return where this is, with what the record speaks of."""
        told = dict(zip(COLUMNS, self.columns, strict=True))
        return f"{self.place} ({told['act']} {told['subject']})"


def verify_chain(
    *,
    first: int = 1,
    kept: Sequence[Head] = (),
    progress: Callable[[int], None],
) -> Verdict:
    """Hash the links from position ``first`` on; name the first that is wrong, and what is beside.

    What stands before ``first`` is taken as it is. ``kept`` are heads from earlier times, none of
    them before ``first - 1``. ``progress`` is told the number of links after each batch. Reads
    only, each batch in a transaction of its own; may run at any time.
    """
    head = Head(0, BEFORE_ALL)
    if first > 1:
        before = _hash_at(first - 1)
        if before is None:
            return Verdict(head, 0, (Fault(f"position {first - 1}", "there is no such link"),))
        head = Head(first - 1, before)
    faults: list[Fault] = []
    links = 0
    for batch in _batches(after=first - 1 if first > 1 else _BEFORE_EVERY_POSITION):
        for link in batch:
            what = _fault(link, head, batch)
            if what is not None:
                faults.append(what)
                break
            head = Head(link.position, link.hash)
            links += 1
        progress(links)
        if faults:
            break
    faults += [fault for one in kept if (fault := _fault_of_head(one)) is not None]
    return Verdict(head, links, (*faults, *_beside()))


def _fault(link: _Link, head: Head, batch: Sequence[_Link]) -> Fault | None:
    """Return what is wrong with the link that follows ``head``."""
    expected = head.position + 1
    if link.position < expected:
        return Fault(link.place, "this link stands before the beginning of the chain")
    if link.position > expected:
        return Fault(f"position {expected}", "its link, and so a record, is missing")
    if not link.has_record:
        return Fault(link.place, "the record is missing")
    if link.form != FORM:
        return Fault(link.named, f"its form {link.form} is unknown here")
    if link.previous != head.hash:
        return Fault(link.named, "it does not follow what stands before it: put there or reordered")
    if link_hash(head.hash, link.position, link.columns) == link.hash:
        return None
    for other in batch:
        if other is not link and link_hash(head.hash, link.position, other.columns) == link.hash:
            return Fault(link.named, f"reordered: record {other.record_id} stood here")
    return Fault(link.named, "the record, or its link, was changed")


def _fault_of_head(kept: Head) -> Fault | None:
    found = _hash_at(kept.position)
    if found == kept.hash:
        return None
    if found is None:
        return Fault(f"kept head {kept}", "there is no such link: the end was cut off")
    return Fault(f"kept head {kept}", f"the chain was rewritten: {found.hex()} stands there")


def _beside() -> Iterator[Fault]:
    with connection.cursor() as cursor:
        cursor.execute(_BESIDE)
        for pk, act, subject in cursor.fetchall():
            yield Fault(f"record {pk} ({act} {subject})", "it was put beside the chain: no link")


def _hash_at(position: int) -> bytes | None:
    if position == 0:
        return BEFORE_ALL
    with connection.cursor() as cursor:
        cursor.execute(_HASH, [position])
        row = cursor.fetchone()
    return None if row is None else bytes(row[0])


def _batches(*, after: int) -> Iterator[list[_Link]]:
    """Yield links in order, those that are added meanwhile, too."""
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_LINKS, [after, BATCH_MAX])
            batch = [_link(row) for row in cursor.fetchall()]
        if batch:
            yield batch
            after = batch[-1].position
        if len(batch) < BATCH_MAX:
            return


def _link(row: tuple[Any, ...]) -> _Link:
    position, record_id, form, previous, digest, has_record, *columns = row
    return _Link(
        position, record_id, form, bytes(previous), bytes(digest), has_record, tuple(columns)
    )
