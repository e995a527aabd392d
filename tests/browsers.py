"""Where a Chromium is."""

import shutil

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find_chromium() -> str | None:
    """Return a Chromium on PATH, if there is one."""
    return next((path for name in BROWSERS if (path := shutil.which(name))), None)
