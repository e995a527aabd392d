from django.apps import AppConfig


class MarketdataConfig(AppConfig):
    """The Django application marketdata."""

    name = "marketdata"
    verbose_name = "Market data"
