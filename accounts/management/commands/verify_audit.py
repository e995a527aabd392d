"""``manage.py verify_audit``: prove that every record of an act is what was written, in order."""

import time
from argparse import ArgumentParser, ArgumentTypeError
from typing import Any, Final

from django.core.management.base import CommandError

from accounts.chain.verifying import Head, verify_chain
from zavora.foundation.commands import ExampleCommand
from zavora.foundation.digits import number_of

EXIT_FAULTS: Final = 1
PROGRESS_EVERY: Final = 100_000


class Command(ExampleCommand):
    """Hash the chain of records anew; exit 1 where it does not hold."""

    help = (
        "Hash the chain of audit records anew and name the first record that was changed, is"
        " missing, was put beside the chain or stands in another order; exit status 1 then. Prints"
        " the head, POSITION:HASH: keep it elsewhere. Who rewrites the whole chain, or cuts its end"
        " off, is found by a kept head (--head). Reads only, in batches; may run at any time."
    )
    examples = (
        "verify_audit",
        "verify_audit --head 1204:" + "5f" * 32,
        "verify_audit --from 1205 --head 1204:" + "5f" * 32,
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument(
            "--from", dest="first", type=_position, default=1, metavar="POSITION",
            help="begin here; what stands before it is taken as it is",
        )  # fmt: skip
        parser.add_argument(
            "--head", dest="heads", type=_head, action="append", default=[],
            metavar="POSITION:HASH", help="a head from an earlier run; may be given several times",
        )  # fmt: skip

    def handle(self, *args: Any, **options: Any) -> None:
        """Verify, report, and exit with 1 where something is wrong."""
        first: int = options["first"]
        heads: list[Head] = options["heads"]
        if too_early := [head for head in heads if head.position < first - 1]:
            raise CommandError(
                f"--head: expected none before position {first - 1}, where --from begins, found"
                f" {too_early[0].position}"
            )
        started = time.monotonic()
        self._told = 0
        verdict = verify_chain(first=first, kept=heads, progress=self._progress)
        for fault in verdict.faults:
            self.stdout.write(str(fault))
        took_s = time.monotonic() - started
        judged = "does NOT hold" if verdict.faults else "holds"
        self.stdout.write(
            f"verify_audit: the chain {judged}; {verdict.links} links hashed ({took_s:.1f} s)"
        )
        self.stdout.write(f"{'good up to' if verdict.faults else 'head'} {verdict.head}")
        if verdict.faults:
            raise SystemExit(EXIT_FAULTS)

    def _progress(self, links: int) -> None:
        if links // PROGRESS_EVERY > self._told:
            self._told = links // PROGRESS_EVERY
            self.stderr.write(f"{links} links hashed")


def _position(text: str) -> int:
    position = number_of(text)
    if not position:
        raise ArgumentTypeError("expected a position, a whole number from 1 on")
    return position


def _head(text: str) -> Head:
    try:
        return Head.parse(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None
