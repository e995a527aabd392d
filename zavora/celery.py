"""Celery: what may be late (reports, housekeeping), never what trades."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "zavora.settings")

app = Celery("zavora")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
