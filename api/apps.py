from django.apps import AppConfig


class ApiConfig(AppConfig):
    """The Django application api."""

    name = "api"
