from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """The Django application accounts."""

    name = "accounts"
