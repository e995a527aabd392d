"""Static files by the hash of their content, compressed once: a browser keeps them for ever.

Collected files have names such as ``app.2f1c9ab3.js``; what changes has another name. In
development a file that was changed since it was collected is served from where it stands, so that
`npm run build -- --watch` and a reload show the change.
"""

import json
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import StaticFilesStorage
from whitenoise.storage import CompressedManifestStaticFilesStorage

FIRST_LOAD = "build/first-load.json"


def first_load() -> list[str]:
    """Return which scripts the trading page begins with, as the build told."""
    found = finders.find(FIRST_LOAD)
    names: list[str] = json.loads(Path(found).read_bytes()) if found else []
    return names


class HashedStaticFiles(CompressedManifestStaticFilesStorage):
    """Hashed names under DEBUG, too, and plain ones for what was not collected.

    Nothing is collected for a test client or ``runserver``; a page must not fail for that.
    """

    # Parts of a page that come on demand are imported by their hashed names, too.
    support_js_module_import_aggregation = True

    def url(self, name: str | None, force: bool = False) -> str:
        """Return a file's address; ``force`` is for Django's version, which differs by DEBUG."""
        return StaticFilesStorage.url(self, self._collected_name(name) if name else name)

    def _collected_name(self, name: str) -> str:
        hashed: str | None = self.hashed_files.get(self.hash_key(self.clean_name(name)))
        return name if hashed is None or (settings.DEBUG and self._is_changed(name)) else hashed

    def _is_changed(self, name: str) -> bool:
        """Return whether a file was changed after all were collected, or the copies are gone."""
        source = finders.find(name)
        try:
            collected_at = Path(self.path(self.manifest_name)).stat().st_mtime
            return source is not None and Path(source).stat().st_mtime > collected_at
        except OSError:
            return True
