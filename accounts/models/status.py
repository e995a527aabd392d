"""The table of what was not as it should be, for the page of the exchange's status."""

from django.db import models


class StatusSpan(models.Model):
    """A time in which a part of the exchange was found in a state, from one look to the last.

    Looks that found all well are spans of the part ``watch``: between two of these nobody looked.
    """

    component = models.CharField(max_length=64)
    state = models.CharField(max_length=16)
    began_at = models.DateTimeField()
    seen_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.component} {self.state} since {self.began_at:%Y-%m-%d %H:%M:%S} UTC"
