"""``manage.py collect_static``: hash and compress the static files, unless nothing has changed."""

import hashlib
import json
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from django.contrib.staticfiles import finders
from django.core.management import call_command

from zavora.foundation.commands import ExampleCommand

FINGERPRINT_NAME = "sources.json"


class Command(ExampleCommand):
    """Call Django's collectstatic, which takes seconds, only where a source is new or changed."""

    help = "Collect the static files into STATIC_ROOT, hashed and compressed, if any has changed."
    examples = ("collect_static",)

    def handle(self, *args: Any, **options: Any) -> None:
        """Compare what is there with what was collected; collect where they differ."""
        note = Path(settings.STATIC_ROOT) / FINGERPRINT_NAME
        current = _fingerprint()
        if note.is_file() and note.read_text() == current:
            return
        call_command("collectstatic", interactive=False, verbosity=0)
        note.write_text(current)


def _fingerprint() -> str:
    """Return what tells one state of the sources from another."""
    files = []
    for finder in finders.get_finders():
        for path, storage in finder.list(None):
            status = Path(storage.path(path)).stat()
            files.append(
                (getattr(storage, "prefix", "") or "", path, status.st_size, status.st_mtime_ns)
            )
    digest = hashlib.sha256(json.dumps(sorted(files)).encode()).hexdigest()
    return json.dumps({"django": django.__version__, "files": digest})
