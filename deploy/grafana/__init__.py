"""Dashboards for Grafana, written as JSON by Grafana's own library (`make dashboards`)."""
