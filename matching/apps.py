from django.apps import AppConfig


class MatchingConfig(AppConfig):
    """The Django application matching."""

    name = "matching"
