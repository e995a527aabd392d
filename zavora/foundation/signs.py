"""Signs of life in the queue: keys that live only while a process makes progress."""

from typing import Final

CELERY_KEY: Final = "celery-alive"
# Beat asks for it each 10 s; three missed ones mean that beat or the worker is gone.
CELERY_LIFE_MS: Final = 30_000
