"""What both boards have around their panels: variables, marks of new revisions, a link to the other."""

from __future__ import annotations

import itertools
import json

from grafana_foundation_sdk.builders import dashboard as board
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard

from deploy.monitoring.panels import OURS, SOURCE, Panel

TAG = "reconciler"
NEW_REVISION = (
    f"max by (revision) (reconciler_source_revision_info{{{OURS}}})"
    f" unless max by (revision) (reconciler_source_revision_info{{{OURS}}} offset 1m)"
)
Section = tuple[str, tuple[Panel, ...]]


def as_json(title: str, uid: str, description: str, *sections: Section) -> str:
    """A board of these sections, as the text that Grafana imports."""
    made = (
        board.Dashboard(title)
        .uid(uid)
        .description(description)
        .tags([TAG])
        .timezone("browser")
        .time("now-6h", "now")
        .refresh("1m")
        .tooltip(dashboard.DashboardCursorSync.CROSSHAIR)
        .with_variable(board.DatasourceVariable("datasource").label("Data source").type("prometheus"))
        .with_variable(_choice("namespace", "Namespace", "label_values(reconciler_build_info, namespace)"))
        .with_variable(
            _choice(
                "instance",
                "Instance",
                'label_values(reconciler_build_info{namespace=~"$namespace"}, instance)',
            )
        )
        .annotation(_Built(_NewRevision("New revision", SOURCE, icon_color="blue", expr=NEW_REVISION)))
        .link(board.DashboardLink("Reconciler").type(dashboard.DashboardLinkType.DASHBOARDS).tags([TAG]))
    )
    numbers = itertools.count(1)
    for name, panels in sections:
        made = made.with_row(board.Row(name).id(next(numbers)))
        for panel in panels:
            made = made.with_panel(panel.id(next(numbers)))
    return json.dumps(made.build(), cls=JSONEncoder, indent=1, sort_keys=True) + "\n"


def _choice(name: str, label: str, query: str) -> board.QueryVariable:
    everything = dashboard.VariableOption(text="All", value="$__all", selected=True)
    return (
        board.QueryVariable(name)
        .label(label)
        .datasource(SOURCE)
        .query(query)
        .refresh(dashboard.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(dashboard.VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(".*")
        .current(everything)
    )


class _NewRevision(dashboard.AnnotationQuery):
    """A mark where a revision is seen for the first time; the SDK has no fields for its texts."""

    def to_json(self) -> dict[str, object]:
        texts = {"titleFormat": "revision", "textFormat": "{{revision}}", "step": "60s"}
        return {**super().to_json(), **texts}


class _Built(Builder[dashboard.AnnotationQuery]):
    """A model where the SDK takes a builder."""

    def __init__(self, model: dashboard.AnnotationQuery) -> None:
        self._model = model

    def build(self) -> dashboard.AnnotationQuery:
        """The model itself."""
        return self._model
