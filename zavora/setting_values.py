"""Settings that are asked for with every request, at the price of an attribute.

Django's own settings object costs some microseconds a look, which a busy edge notices.
"""

from typing import Any

from django.conf import settings
from django.core.signals import setting_changed


class SettingValue:
    """The value of one setting: read once, and again where a test changes it."""

    __slots__ = ("__weakref__", "_name", "value")

    def __init__(self, name: str) -> None:
        self._name = name
        self.value: Any = getattr(settings, name)
        setting_changed.connect(self._note_change)

    def _note_change(self, *, setting: str, **_: Any) -> None:
        if setting == self._name:
            self.value = getattr(settings, self._name)
