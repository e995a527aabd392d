"""Settings that are asked for with every request, at the price of an attribute.

Django's own settings object costs some microseconds a look, which a busy edge notices.
"""

from typing import Any

from django.conf import settings
from django.core.signals import setting_changed


class SettingValue:
    """The value of one setting: read when it is first asked for, and again where a test changes it.

    So whoever only imports a module that has one needs no settings.
    """

    __slots__ = ("__weakref__", "_name", "value")
    value: Any

    def __init__(self, name: str) -> None:
        self._name = name
        setting_changed.connect(self._note_change)

    def __getattr__(self, name: str) -> Any:
        """Read the setting: called as long as there is no ``value``."""
        if name != "value":
            raise AttributeError(name)
        self.value = getattr(settings, self._name)
        return self.value

    def _note_change(self, *, setting: str, **_: Any) -> None:
        if setting == self._name:
            self.value = getattr(settings, self._name)
