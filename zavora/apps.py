from django.apps import AppConfig


class ZavoraConfig(AppConfig):
    """The Django application zavora."""

    name = "zavora"
