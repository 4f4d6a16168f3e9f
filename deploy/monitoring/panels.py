"""Panels of a dashboard as values: what is asked, in which unit, and what a person reads beside it.

How Grafana wants them is made from these by `grafana-foundation-sdk`; nothing else here knows of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from grafana_foundation_sdk.builders import common, heatmap, prometheus, stat, table, timeseries
from grafana_foundation_sdk.builders import dashboard as board
from grafana_foundation_sdk.models import dashboard
from grafana_foundation_sdk.models.common import BigValueGraphMode, StackingMode
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

OURS = 'job="reconciler", namespace=~"$namespace", instance=~"$instance"'
"""Which series a board shows. Where there is no namespace, "All" stands for that, too."""

SOURCE = dashboard.DataSourceRef(type_val="prometheus", uid="${datasource}")
WELL, ODD, BAD = "green", "orange", "red"

Panel = board.Panel | heatmap.Panel | stat.Panel | table.Panel | timeseries.Panel


@dataclass(frozen=True, slots=True)
class Query:
    """One expression, and what its series are called in the legend. `{OURS` begins a selector of ours."""

    text: str
    legend: str = "__auto"

    @property
    def expression(self) -> str:
        """What Prometheus is asked, with the board's variables in it."""
        return self.text.replace("{OURS", f"{{{OURS}")


@dataclass(frozen=True, slots=True)
class Limit:
    """From this value on a number is shown in this colour."""

    value: float
    colour: str = BAD


def number(
    title: str, description: str, unit: str, query: Query, *limits: Limit, width: int = 4, start: str = WELL
) -> stat.Panel:
    """One number, coloured by how bad it is."""
    return (
        stat.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .unit(unit)
        .span(width)
        .height(4)
        .no_value("none")
        .graph_mode(BigValueGraphMode.NONE)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .thresholds(_thresholds(start, limits))
        .with_target(_target(query, "A").instant())
    )


def lines(
    title: str, description: str, unit: str, *queries: Query, width: int = 12, is_stacked: bool = False
) -> timeseries.Panel:
    """Values over time; with `is_stacked` those that add up to a whole."""
    panel = (
        timeseries.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .unit(unit)
        .min(0)
        .span(width)
        .height(8)
        .fill_opacity(30 if is_stacked else 5)
        .stacking(common.StackingConfig().mode(StackingMode.NORMAL if is_stacked else StackingMode.NONE))
    )
    for place, query in enumerate(queries):
        panel = panel.with_target(_target(query, chr(ord("A") + place)))
    return panel


def heat(title: str, description: str, metric: str, *, width: int = 12) -> heatmap.Panel:
    """How a histogram of seconds is spread over time."""
    query = Query(f"sum by (le) (increase({metric}_bucket{{OURS}}[$__rate_interval]))", "{{le}}")
    return (
        heatmap.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .unit("short")
        .span(width)
        .height(8)
        .calculate(False)
        .color(heatmap.HeatmapColorOptions().mode(HeatmapColorMode.SCHEME).scheme("Oranges").steps(64))
        .y_axis(heatmap.YAxisConfig().unit("s"))
        .with_target(_target(query, "A").format(PromQueryFormat.HEATMAP))
    )


def rows(title: str, description: str, unit: str, query: Query, *, width: int = 12) -> table.Panel:
    """The labels of each series, a row each."""
    return (
        table.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .unit(unit)
        .span(width)
        .height(8)
        .no_value("none")
        .with_target(_target(query, "A").instant().format(PromQueryFormat.TABLE))
    )


def quantile(of: float, metric: str, *by: str, over: str = "1h") -> str:
    """The expression of a quantile of a histogram, over a time that is long enough for few events."""
    labels = ", ".join(("le", *by))
    return f"histogram_quantile({of}, sum by ({labels}) (rate({metric}_bucket{{OURS}}[{over}])))"


def _thresholds(start: str, limits: Sequence[Limit]) -> board.ThresholdsConfig:
    first = dashboard.Threshold(value=None, color=start)
    further = [dashboard.Threshold(value=limit.value, color=limit.colour) for limit in limits]
    return board.ThresholdsConfig().mode(dashboard.ThresholdsMode.ABSOLUTE).steps([first, *further])


def _target(query: Query, ref_id: str) -> prometheus.Dataquery:
    return (
        prometheus.Dataquery()
        .ref_id(ref_id)
        .datasource(SOURCE)
        .expr(query.expression)
        .legend_format(query.legend)
    )
