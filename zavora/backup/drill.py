"""Bring the newest backups to the end of the archive, beside, and prove what comes out."""

import time
from collections.abc import Callable

import msgspec

from zavora.backup.commands import run_manage
from zavora.backup.errors import BackupError
from zavora.backup.programs import work_folder
from zavora.backup.recovery import Target, recovered_server
from zavora.backup.store import Store


class Drilled(msgspec.Struct, frozen=True):
    """Which chain was proved, how long each step took, and a line for each that failed."""

    chain: list[str]
    seconds: dict[str, float]
    failed: list[str]


def drill(store: Store, target: Target, *, say: Callable[[str], None]) -> Drilled:
    """Recover beside, prove, and leave nothing. Raises BackupError where nothing was recovered."""
    steps: list[tuple[str, ...]] = [
        ("migrate", "--noinput"),
        ("reconcile",),
        # From the newest checkpoint where there is one: its engine must have the hash it names.
        ("verify_journal", "--from-checkpoint"),
        ("verify_audit",),
        ("check_sealed",),
    ]
    failed: list[str] = []
    with (
        store.held(exclusive=False),
        work_folder() as work,
        recovered_server(store, target, work / "drill", say=say) as (server, recovered),
    ):
        seconds = dict(recovered.seconds)
        for step in steps:
            began = time.monotonic()
            try:
                said = _prove(server.url, step)
                say(said.strip().replace("\n", "\n  "))
            except BackupError as error:
                failed.append(str(error))
                say(f"FAILED {error}")
            seconds[step[0]] = time.monotonic() - began
        chain = [one.name for one in recovered.chain]
    if not failed:
        store.note_success("restore_drill_success")
    return Drilled(chain, seconds, failed)


def _prove(url: str, step: tuple[str, ...]) -> str:
    try:
        return run_manage(url, *step)
    except BackupError as error:
        if step[0] != "verify_journal" or "no checkpoint" not in str(error):
            raise
    return run_manage(url, step[0])
