"""Where providers call."""

from django.urls import path

from api.providers.webhook import webhook

urlpatterns = [path("webhook", webhook)]
