"""Django's settings for threads that read them while a test overrides some.

Django's own forget all values before they take up the others: whoever reads in between finds none.
And they keep what was read: what a thread began to read before may be kept after. These change over
at once, and keep nothing.
"""

from typing import Any

from django.conf import LazySettings
from django.utils.functional import empty


def read(self: LazySettings, name: str) -> Any:
    """Return a setting as it is now."""
    if self._wrapped is empty:
        self._setup(name)
    value = getattr(self._wrapped, name)
    if name in ("MEDIA_URL", "STATIC_URL") and value is not None:
        return self._add_script_prefix(value)
    return value


def write(self: LazySettings, name: str, value: Any) -> None:
    """Set a setting, or change over to another whole."""
    if name == "_wrapped":
        self.__dict__[name] = value
        return
    if self._wrapped is empty:
        self._setup(name)
    setattr(self._wrapped, name, value)


def install() -> None:
    """Have this process's settings be so."""
    LazySettings.__getattr__ = read
    LazySettings.__setattr__ = write
