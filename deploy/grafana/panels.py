"""What all dashboards have in common: their variables, how a graph and a figure look.

A query names its variables as Grafana does (``$shard``), its rates go over ``$__rate_interval``:
four scrapes at least, however far one looks back.
"""

import itertools
from collections.abc import Sequence
from string import ascii_uppercase
from typing import Final, NamedTuple

from grafana_foundation_sdk.builders import common, stat, timeseries
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.builders import prometheus as queries
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.common import (
    BigValueGraphMode,
    GraphDrawStyle,
    LegendDisplayMode,
    LegendPlacement,
    StackingMode,
    TooltipDisplayMode,
)
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    DataSourceRef,
    Threshold,
    ThresholdsMode,
    VariableHide,
    VariableModel,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

TAG: Final = "zavora"
WIDTH: Final = 24
HEIGHT: Final = 8
STAT_HEIGHT: Final = 4
# Of so many markets a graph shows lines at most: those with the most of it.
MARKETS_SHOWN_MAX: Final = 20
RATE: Final = "$__rate_interval"
SOURCE: Final = DataSourceRef(type_val="prometheus", uid="${datasource}")


class Query(NamedTuple):
    """An expression of Prometheus', and what its series are called: ``{{label}}`` is filled in."""

    expr: str
    legend: str


class Row(NamedTuple):
    """Panels side by side below a title."""

    title: str
    panels: Sequence[timeseries.Panel | stat.Panel]


def quantile(part: str, metric: str, by: str = "", where: str = "") -> str:
    """Return the expression of a quantile of a histogram, over a rate interval."""
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({part}, sum by ({labels}) (rate({metric}_bucket{where}[{RATE}])))"


def p50_and_p99(metric: str, by: str = "", where: str = "") -> tuple[Query, Query]:
    """Return the two quantiles of a histogram that are looked at, by a label or of all."""
    of = f" {{{{{by}}}}}" if by else ""
    return (
        Query(quantile("0.5", metric, by, where), f"p50{of}"),
        Query(quantile("0.99", metric, by, where), f"p99{of}"),
    )


def rate(metric: str, by: str = "", where: str = "") -> str:
    """Return the expression of how often something happens a second, by a label or of all."""
    summed = f"sum by ({by})" if by else "sum"
    return f"{summed} (rate({metric}{where}[{RATE}]))"


def graph(
    title: str,
    *shown: Query,
    unit: str = "short",
    width: int = WIDTH // 3,
    what: str = "",
    is_stacked: bool = False,
) -> timeseries.Panel:
    """Return a panel with a line for each series."""
    panel = (
        timeseries.Panel()
        .title(title)
        .description(what)
        .unit(unit)
        .min(0)
        .span(width)
        .height(HEIGHT)
        .datasource(SOURCE)
        .draw_style(GraphDrawStyle.LINE)
        .line_width(1)
        .fill_opacity(30 if is_stacked else 5)
        .legend(
            common.VizLegendOptions()
            .display_mode(LegendDisplayMode.LIST)
            .placement(LegendPlacement.BOTTOM)
            .show_legend(True)
        )
        .tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI))
    )
    if is_stacked:
        panel.stacking(common.StackingConfig().mode(StackingMode.NORMAL))
    for name, query in zip(ascii_uppercase, shown, strict=False):
        panel.with_target(_target(query, name))
    return panel


def figure(
    title: str,
    query: Query,
    *,
    unit: str = "short",
    width: int = WIDTH // 6,
    what: str = "",
    bad_from: float | None = None,
    good_from: float | None = None,
) -> stat.Panel:
    """Return a panel with one number: red from ``bad_from`` on, or below ``good_from``."""
    steps = [Threshold(value=None, color="green")]
    if bad_from is not None:
        steps.append(Threshold(value=bad_from, color="red"))
    if good_from is not None:
        steps = [Threshold(value=None, color="red"), Threshold(value=good_from, color="green")]
    return (
        stat.Panel()
        .title(title)
        .description(what)
        .unit(unit)
        .span(width)
        .height(STAT_HEIGHT)
        .datasource(SOURCE)
        .graph_mode(BigValueGraphMode.AREA)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(False))
        .thresholds(builders.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps))
        .with_target(_target(query, "A"))
    )


def _target(query: Query, name: str) -> queries.Dataquery:
    return queries.Dataquery().ref_id(name).expr(query.expr).legend_format(query.legend).range()


def label_variable(name: str, metric: str, label: str) -> builders.QueryVariable:
    """Return a variable whose values are those of a label: one, several, or all of them."""
    return (
        builders.QueryVariable(name)
        .label(name)
        .datasource(SOURCE)
        .query({"query": f"label_values({metric}, {label})", "refId": f"variable-{name}"})
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.NATURAL_ASC)
        .multi(True)
        .include_all(True)
        # As a pattern of its own "all" asks for no list of a thousand markets in each query.
        .all_value(".*")
        .current(VariableOption(selected=True, text="All", value="$__all"))
    )


def dashboard(
    name: str, what: str, rows: Sequence[Row], variables: Sequence[Builder[VariableModel]] = ()
) -> builders.Dashboard:
    """Return a dashboard of rows; its source of figures is chosen where it is looked at."""
    made = (
        builders.Dashboard(f"Zavora: {name}")
        .uid(f"zavora-{name}")
        .description(what)
        .tags([TAG])
        .readonly()
        .refresh("10s")
        .time("now-1h", "now")
        .timezone("browser")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .link(
            builders.DashboardLink("Zavora")
            .type(DashboardLinkType.DASHBOARDS)
            .tags([TAG])
            .as_dropdown(True)
            .include_vars(True)
            .keep_time(True)
        )
        .with_variable(
            builders.DatasourceVariable("datasource")
            .label("datasource")
            .hide(VariableHide.DONT_HIDE)
            .type("prometheus")
        )
    )
    for variable in variables:
        made.with_variable(variable)
    ids = itertools.count(1)
    for row in rows:
        made.with_row(builders.Row(row.title).id(next(ids)))
        for panel in row.panels:
            made.with_panel(panel.id(next(ids)))
    return made
