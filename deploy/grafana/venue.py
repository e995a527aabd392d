"""Whether people can trade: what is ordered and traded, how fast it is answered, what fails."""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from deploy.grafana.panels import (
    MARKETS_SHOWN_MAX,
    RATE,
    Query,
    Row,
    dashboard,
    figure,
    graph,
    label_variable,
    p50_and_p99,
    quantile,
    rate,
)

MARKETS = '{market=~"$market"}'


def build() -> Dashboard:
    """Return the dashboard."""
    return dashboard(
        "venue",
        "Orders, trades, time to acknowledge, what fails, how the markets stand.",
        [_now(), _orders(), _answers(), _markets()],
        [label_variable("market", "zavora_market_phase", "market")],
    )


def _now() -> Row:
    ok = f'sum(rate(zavora_http_requests_total{{code!~"5.."}}[{RATE}]))'
    return Row(
        "Now",
        [
            figure("Commands a second", Query(rate("zavora_commands_total"), ""), unit="cps"),
            figure("Trades a second", Query(rate("zavora_trades_total"), ""), unit="cps"),
            figure(
                "Acknowledged, p99",
                Query(quantile("0.99", "zavora_order_ack_duration_seconds"), ""),
                unit="s",
                bad_from=0.25,
                what="99.9 % are to be answered within 250 ms.",
            ),
            figure(
                "Answered by 5xx",
                Query(f"1 - {ok} / {rate('zavora_http_requests_total')}", ""),
                unit="percentunit",
                bad_from=0.01,
            ),
            figure(
                "Outcomes unknown a second (504)",
                Query(rate("zavora_commands_unresolved_total"), ""),
                unit="cps",
                bad_from=0.001,
            ),
            figure(
                "Shards with a worker",
                Query("sum(max by (shard) (zavora_live_workers))", ""),
                good_from=1,
            ),
        ],
    )


def _orders() -> Row:
    trades = rate("zavora_trades_total", "market", MARKETS)
    return Row(
        "Orders and trades",
        [
            graph(
                "Commands by kind",
                Query(rate("zavora_commands_total", "kind"), "{{kind}}"),
                unit="cps",
                is_stacked=True,
            ),
            graph(
                "Commands by outcome",
                Query(rate("zavora_commands_total", "outcome"), "{{outcome}}"),
                unit="cps",
                is_stacked=True,
            ),
            graph(
                "Trades",
                Query(f"topk({MARKETS_SHOWN_MAX}, {trades})", "{{market}}"),
                unit="cps",
                what=f"Of the {MARKETS_SHOWN_MAX} markets with the most.",
            ),
        ],
    )


def _answers() -> Row:
    by_class = (
        f"sum by (class) (label_replace(rate(zavora_http_requests_total[{RATE}]),"
        ' "class", "${1}xx", "code", "(.)..?"))'
    )
    return Row(
        "Answers",
        [
            graph(
                "Time to acknowledge",
                *p50_and_p99("zavora_order_ack_duration_seconds"),
                unit="s",
                what="From handing a command in to its answer after the commit.",
            ),
            graph(
                "Later than 250 ms",
                Query("zavora:ack_slow:ratio5m", "5 minutes"),
                Query("zavora:ack_slow:ratio1h", "1 hour"),
                unit="percentunit",
                what="What AnswersSlow goes by: 1.44 % in both is two percent of a month an hour.",
            ),
            graph(
                "Queued or not",
                Query(rate("zavora_commands_submitted_total", "result"), "{{result}}"),
                unit="cps",
                what="All but queued and lost were refused at once (503).",
            ),
            graph(
                "HTTP answers by status",
                Query(by_class, "{{class}}"),
                unit="reqps",
                is_stacked=True,
                what="0xx: whoever asked was gone before there was an answer.",
            ),
            graph("HTTP, duration", *p50_and_p99("zavora_http_request_duration_seconds"), unit="s"),
            graph(
                "To the feed",
                *p50_and_p99("zavora_feed_delay_seconds"),
                unit="s",
                what="From deciding a batch to showing what it did to a market.",
            ),
        ],
    )


def _markets() -> Row:
    orders = f"max by (market) (zavora_open_orders{MARKETS})"
    spread = f"max by (market) (zavora_spread_ratio{MARKETS})"
    return Row(
        "Markets",
        [
            graph(
                "Markets by phase",
                Query(
                    "count by (phase) (max by (market, phase) (zavora_market_phase) == 1)",
                    "{{phase}}",
                ),
                is_stacked=True,
            ),
            graph(
                "Open orders",
                Query(f"topk({MARKETS_SHOWN_MAX}, {orders})", "{{market}}"),
                what=f"Of the {MARKETS_SHOWN_MAX} markets with the most.",
            ),
            graph(
                "Spread",
                Query(f"topk({MARKETS_SHOWN_MAX}, {spread})", "{{market}}"),
                unit="percentunit",
                what="Ask less bid over their mean, the widest; none where a side is empty.",
            ),
        ],
    )
