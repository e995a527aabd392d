"""The plain exchange's one route."""

from django.urls import path

from benchmarks.baseline.views import OrdersView

urlpatterns = [path("api/v1/orders", OrdersView.as_view())]
