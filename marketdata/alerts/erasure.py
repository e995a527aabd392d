"""What goes of alerts with the person whose they are."""

from marketdata.models import PriceAlert


def forget_alerts_of(user_id: int) -> None:
    """Delete a person's alerts, in the transaction that erases the person."""
    PriceAlert.objects.filter(user_id=user_id).delete()
