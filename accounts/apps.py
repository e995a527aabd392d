from django.apps import AppConfig
from django.core.checks import Tags, register

from accounts.providers.config import check_provider


class AccountsConfig(AppConfig):
    """The Django application accounts."""

    name = "accounts"

    def ready(self) -> None:
        """Let the checks of a deployment be known."""
        from accounts import checks  # noqa: F401, PLC0415 - it is known once it is imported

        register(check_provider, Tags.security, deploy=True)
