"""Writes the files below `deploy/` that are made from others."""

from __future__ import annotations

from pathlib import Path

from deploy.monitoring.detail import detail
from deploy.monitoring.overview import overview
from deploy.monitoring.rules import prometheus_rule

DEPLOY = Path(__file__).parent.parent
COMPONENT = DEPLOY / "components" / "monitoring"
RULES = DEPLOY / "alerts" / "rules.yaml"


def files() -> dict[Path, str]:
    """Every written file's content."""
    return {
        COMPONENT / "prometheusrule.yaml": prometheus_rule(RULES.read_text("utf-8")),
        COMPONENT / "dashboards" / "overview.json": overview(),
        COMPONENT / "dashboards" / "detail.json": detail(),
    }


def write() -> None:
    """Write all of them."""
    for path, text in files().items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")


if __name__ == "__main__":
    write()
