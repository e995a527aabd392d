from django.apps import AppConfig
from django.core.checks import Tags, register

from accounts.providers.config import check_provider


class AccountsConfig(AppConfig):
    """The Django application accounts."""

    name = "accounts"

    def ready(self) -> None:
        """Let ``check --deploy`` refuse a provider that others could speak for."""
        register(check_provider, Tags.security, deploy=True)
