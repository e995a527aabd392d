"""``manage.py partitions``: tables that grow for ever, month by month."""

from argparse import ArgumentParser, ArgumentTypeError
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from django.core.management.base import CommandError
from django.db import connections, transaction

from accounts.access.actor import Actor
from accounts.audit import record_act
from matching.reconcile import reconcile
from zavora.database_rights import owner_alias
from zavora.foundation.commands import ExampleCommand, command_error
from zavora.foundation.errors import ZavoraError
from zavora.foundation.partitions import moving
from zavora.foundation.partitions.locking import LockNotTaken
from zavora.foundation.partitions.making import AHEAD_DEFAULT, AHEAD_MAX, make_partitions
from zavora.foundation.partitions.selectors import (
    list_archived,
    list_partitions,
    partitions_ahead,
)

BY: Final = Actor.system("manage.py partitions")
_EPOCH_2025_S: Final = 1_735_689_600


class Command(ExampleCommand):
    """List, make, detach, archive, attach and verify the parts of tables that are split by time."""

    help = (
        "Tables that grow for ever are split by months (events by days). `make` makes those that"
        " are to come (celery does it daily); `detach` takes the oldest month off a table, which"
        " stays in the database; `archive` writes a detached one to a Parquet file with a manifest"
        " and reads it back, and with --drop lets the rows go after `reconcile` found nothing;"
        " `attach` brings one back, from its archive where it was dropped; `verify` reads all"
        " archives. None of it makes batches wait. Asks for the owner's role."
    )
    examples = (
        "partitions list",
        "partitions make --ahead 3",
        "partitions detach NAME",
        "partitions archive NAME --folder /srv/archive --drop",
        "partitions verify --folder /srv/archive",
        "partitions attach NAME --folder /srv/archive",
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the acts and what they are about."""
        acts = parser.add_subparsers(dest="act", required=True)
        acts.add_parser("list", help="what there is, attached, detached and archived")
        make = acts.add_parser("make", help="make those that are to come")
        make.add_argument("--ahead", type=_ahead, default=AHEAD_DEFAULT)
        acts.add_parser("detach", help="take the oldest off its table").add_argument("name")
        archive = acts.add_parser("archive", help="write a detached one to a file")
        archive.add_argument("name")
        archive.add_argument("--folder", type=_folder, required=True)
        archive.add_argument("--drop", action="store_true", help="and let the rows go")
        attach = acts.add_parser("attach", help="bring one back")
        attach.add_argument("name")
        attach.add_argument("--folder", type=_folder, help="of its archive, if it was dropped")
        verify = acts.add_parser("verify", help="read all archives")
        verify.add_argument("--folder", type=_folder, required=True)

    def handle(self, *args: Any, **options: Any) -> None:
        """Do one act. Refusals and damage end with status 1."""
        self._connection = connections[owner_alias()]
        acts = {
            "list": self._list,
            "make": self._make,
            "detach": self._detach,
            "archive": self._archive,
            "attach": self._attach,
            "verify": self._verify,
        }
        try:
            acts[options["act"]](options)
        except ZavoraError as error:
            raise command_error(error) from None
        except LockNotTaken as error:
            raise CommandError(str(error)) from None

    def _list(self, options: dict[str, Any]) -> None:
        with self._connection.cursor() as cursor:
            for row in list_archived(cursor):
                state = f"archived on {row.archived_at:%Y-%m-%d}, {row.rows} rows"
                self._line(row.parent, row.name, row.low, row.high, state)
            for part in list_partitions(cursor):
                state = "attached" if part.is_attached else "detached"
                state = "detaching was interrupted" if part.is_waiting else state
                self._line(part.table, part.name, part.low, part.high, state)
        for table, count in partitions_ahead().items():
            self.stdout.write(f"{table}: {count} ahead")

    def _line(self, table: str, name: str, low: int | None, high: int, state: str) -> None:
        since = "the beginning" if low is None else _moment(low)
        self.stdout.write(f"{table}: {name} from {since} to {_moment(high)}: {state}")

    def _make(self, options: dict[str, Any]) -> None:
        for name in make_partitions(self._connection, ahead=options["ahead"]):
            self.stdout.write(f"made {name}")

    def _detach(self, options: dict[str, Any]) -> None:
        found = moving.detach(self._connection, options["name"])
        self._record("partition.detach", found.name)
        self.stdout.write(f"{found.name} is detached: its rows are still in the database")

    def _archive(self, options: dict[str, Any]) -> None:
        archives = _archives()
        name, folder = options["name"], options["folder"]
        manifest = archives.archive(self._connection, name, folder)
        self.stdout.write(
            f"{name}: {manifest.rows} rows are in {folder}, read back and the same;"
            f" manifest {manifest.sha256()}"
        )
        if not options["drop"]:
            return
        breaks = reconcile()
        if breaks:
            raise CommandError(
                f"not dropped: reconcile finds {len(breaks)} breaks, the first: {breaks[0].text()}"
            )
        archives.drop(self._connection, name, folder)
        self._record("partition.archive", name, manifest=manifest.sha256(), rows=manifest.rows)
        self.stdout.write(f"{name}: its rows are in the archive alone; keep copies of it")

    def _attach(self, options: dict[str, Any]) -> None:
        name = options["name"]
        with self._connection.cursor() as cursor:
            is_dropped = any(row.name == name for row in list_archived(cursor))
        if is_dropped:
            if options["folder"] is None:
                raise CommandError(f"{name} was archived and dropped: --folder says where it is")
            manifest = _archives().restore(self._connection, name, options["folder"])
            self.stdout.write(f"{name}: {manifest.rows} rows are back")
        found = moving.attach(self._connection, name)
        self._record("partition.attach", found.name)
        self.stdout.write(f"{found.name} is attached")

    def _verify(self, options: dict[str, Any]) -> None:
        damaged = 0
        for row, what in _archives().verify(self._connection, options["folder"]):
            self.stdout.write(f"{row.name}: {what or f'{row.rows} rows, as they were'}")
            damaged += bool(what)
        if damaged:
            raise CommandError(f"{damaged} archives are not what was dropped")

    def _record(self, act: str, name: str, **details: Any) -> None:
        with transaction.atomic():
            record_act(BY, act, f"partition:{name}", **details)


def _archives() -> Any:
    """Return what archives need. Raises CommandError where PyArrow is not installed."""
    try:
        from zavora.foundation.partitions import archive  # noqa: PLC0415 - large, and an extra
    except ModuleNotFoundError as error:
        if error.name != "pyarrow":
            raise
        raise CommandError(
            "archives need PyArrow: pip install -r requirements-archive.txt"
        ) from None
    return archive


def _moment(id_: int) -> str:
    return datetime.fromtimestamp((id_ >> 13) / 1000 + _EPOCH_2025_S, UTC).strftime("%Y-%m-%d")


def _ahead(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= AHEAD_MAX:
        raise ArgumentTypeError(f"a number from 1 to {AHEAD_MAX}")
    return int(text)


def _folder(text: str) -> Path:
    folder = Path(text)
    if not folder.is_dir():
        raise ArgumentTypeError(f"{text} is not a folder")
    return folder
