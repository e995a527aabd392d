"""Celery: what may be late (reports, housekeeping), never what trades."""

import os
import warnings

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "zavora.settings")

# Containers and first trials run as root. Tasks come as JSON, so nobody can run code by one.
warnings.filterwarnings("ignore", message="You're running the worker with superuser")

app = Celery("zavora")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
