"""Celery: what may be late (reports, housekeeping), never what trades."""

import os
import warnings
from typing import Any

from celery import Celery
from celery.signals import after_setup_logger, beat_init, worker_init

from zavora.foundation import failures, metrics, metrics_listener
from zavora.foundation.kept_figures import KeptFigures

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "zavora.settings")

# Containers and first trials run as root. Tasks come as JSON, so nobody can run code by one.
warnings.filterwarnings("ignore", message="You're running the worker with superuser")

app = Celery("zavora")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_init.connect
def _expose_worker(**_: Any) -> None:
    """Let whoever watches ask the worker, of which every task runs in this process."""
    metrics_listener.start(metrics.CELERY, [KeptFigures().refresh])


@after_setup_logger.connect
def _report_failures(**_: Any) -> None:
    """Report what fails in the worker and in the beat."""
    failures.start("celery")


@beat_init.connect
def _expose_beat(**_: Any) -> None:
    metrics_listener.start(metrics.BEAT)
