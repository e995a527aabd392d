from django.apps import AppConfig


class MarketdataConfig(AppConfig):
    """The Django application marketdata."""

    name = "marketdata"
    verbose_name = "Market data"

    def ready(self) -> None:
        """Let alerts go with the person whose they are."""
        from accounts.privacy.elsewhere import on_erasure  # noqa: PLC0415 - once models are there
        from marketdata.alerts.erasure import forget_alerts_of  # noqa: PLC0415

        on_erasure(forget_alerts_of)
