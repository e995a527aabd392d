"""Numbers of rows that grow with time, as the workers' do."""

from django.db import models
from django.db.models import Func


def next_id() -> Func:
    """Return the database's own id for rows made outside a matching worker (migration 0001)."""
    return Func(function="zavora_next_id", output_field=models.BigIntegerField())
