"""Whether web processes keep up: their event loop, requests, sockets, limits, memory."""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from deploy.grafana.panels import (
    RATE,
    Query,
    Row,
    dashboard,
    graph,
    label_variable,
    p50_and_p99,
    quantile,
    rate,
)

# Every process of Zavora's tells what it is, and so which jobs of Prometheus' ask for them.
JOB = '{job=~"$job"}'
ROUTES_SHOWN_MAX = 10


def build() -> Dashboard:
    """Return the dashboard."""
    return dashboard(
        "edge",
        "Event loops, requests, WebSockets, limits, and what the processes take.",
        [_loops(), _sockets(), _processes()],
        [label_variable("job", "zavora_build_info", "job")],
    )


def _loops() -> Row:
    delay, took = "zavora_event_loop_delay_seconds", "zavora_http_request_duration_seconds"
    routes = rate("zavora_http_requests_total", "route")
    slowest = quantile("0.99", took, "route")
    return Row(
        "Requests",
        [
            graph(
                "Event loop, late by (p99)",
                Query(quantile("0.99", delay, "instance"), "{{instance}}"),
                unit="s",
                what="How late whoever asked to be woken is. Above 0.1 s a process has too much.",
            ),
            graph(
                "Requests by route",
                Query(f"topk({ROUTES_SHOWN_MAX}, {routes})", "{{route}}"),
                unit="reqps",
                what=f"The {ROUTES_SHOWN_MAX} with the most.",
            ),
            graph(
                "Duration by route, p99",
                Query(f"topk({ROUTES_SHOWN_MAX}, {slowest})", "{{route}}"),
                unit="s",
                what=f"The {ROUTES_SHOWN_MAX} slowest.",
            ),
            graph("Event loops of all", *p50_and_p99(delay), unit="s"),
            graph(
                "Refused by a limit",
                Query(rate("zavora_rate_limited_total", "limit"), "{{limit}}"),
                unit="cps",
            ),
            graph(
                "Reads that a replica may answer",
                Query(rate("zavora_late_reads_total", "answered"), "{{answered}}"),
                unit="reqps",
                what="primary_...: the primary answered, as the replica was late, away or unknown.",
            ),
        ],
    )


def _sockets() -> Row:
    return Row(
        "WebSockets and the feed",
        [
            graph(
                "Open WebSockets",
                Query("sum by (api) (zavora_websocket_connections)", "{{api}}"),
                is_stacked=True,
            ),
            graph(
                "WebSockets that ended",
                Query(rate("zavora_websocket_closed_total", "reason"), "{{reason}}"),
                unit="cps",
                what="slow: they did not take what they were sent.",
            ),
            graph(
                "Markets read again",
                Query(rate("zavora_feed_resyncs_total", "reason"), "{{reason}}"),
                unit="cps",
                what="A connection that was new is ordinary; gap and distrust are not.",
            ),
        ],
    )


def _processes() -> Row:
    return Row(
        "Processes",
        [
            graph(
                "Memory",
                Query(f"process_resident_memory_bytes{JOB}", "{{instance}}"),
                unit="bytes",
            ),
            graph(
                "Processors",
                Query(f"rate(process_cpu_seconds_total{JOB}[{RATE}])", "{{instance}}"),
                what="One is all of a processor.",
            ),
            graph(
                "File descriptors in use",
                Query(f"process_open_fds{JOB} / process_max_fds{JOB}", "{{instance}}"),
                unit="percentunit",
            ),
            graph("Reach the queue", Query("min(zavora_queue_up)", "the least")),
            graph("Show life", Query("max by (part) (zavora_part_up)", "{{part}}")),
            graph(
                "Versions",
                Query("count by (version) (zavora_build_info)", "{{version}}"),
                what="Two of them: an update is under way, or was left half done.",
            ),
        ],
    )
