"""The plain exchange as a Django application; its tables are made without migrations."""

from django.apps import AppConfig


class Exchange(AppConfig):
    """The application's name and label."""

    name = "benchmarks.baseline"
    label = "baseline"
