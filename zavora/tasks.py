"""A sign of life of celery: beat schedules it, a worker gives it, so both are seen to work."""

from celery import shared_task

from accounts.redis_client import get_redis
from zavora.foundation.queue import CELERY_KEY, CELERY_LIFE_MS


@shared_task(name="zavora.show_life")
def show_life() -> None:
    """Renew the key that the health check looks for."""
    get_redis().set(CELERY_KEY, "1", px=CELERY_LIFE_MS)
