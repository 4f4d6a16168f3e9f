"""What `kubectl kustomize` makes of an overlay, as objects to ask questions of."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
import yaml
from packaging.version import Version

from tests.deploy.tools import DEPLOY, ran, tool

Object = dict[str, Any]
OVERLAYS = sorted(
    path.parent.name for path in DEPLOY.glob("overlays/*/kustomization.yaml") if path.parent.name != "mine"
)
"""All but what the README calls that of whoever uses them."""

WORKLOADS = ("StatefulSet", "Deployment")


LOWEST_KUSTOMIZE = Version("5.0")
"""What `kubectl` carries since 1.27; those of old distributions know no components."""


@functools.cache
def kubectl() -> str:
    program = tool("kubectl")
    told = json.loads(ran(program, "version", "--client", "--output", "json"))
    if Version(told.get("kustomizeVersion", "v0")) < LOWEST_KUSTOMIZE:
        pytest.skip("this kubectl is too old: its kustomize knows no components")
    return program


@functools.cache
def text_of(directory: str) -> str:
    return ran(kubectl(), "kustomize", str(DEPLOY / directory))


@dataclass(frozen=True, slots=True)
class Rendered:
    """All objects of one directory below `deploy/`."""

    objects: tuple[Object, ...]

    @classmethod
    def of(cls, directory: str) -> Rendered:
        return cls(tuple(yaml.safe_load_all(text_of(directory))))

    def all_of(self, *kinds: str) -> list[Object]:
        return [one for one in self.objects if one["kind"] in kinds]

    def one(self, *kinds: str) -> Object:
        (found,) = self.all_of(*kinds)
        return found

    @property
    def pod(self) -> Object:
        """The one pod that there is: its labels in `metadata`, and its `spec`."""
        pods = self.all_of("Pod") + [one["spec"]["template"] for one in self.all_of(*WORKLOADS)]
        (found,) = pods
        return found

    def settings(self) -> dict[str, str]:
        """What the daemon's container has in its environment, by the ConfigMaps and by itself."""
        return environment(self, container(self.pod, "reconciler"))


def environment(rendered: Rendered, one: Object) -> dict[str, str]:
    found: dict[str, str] = {}
    maps = {it["metadata"]["name"]: it["data"] for it in rendered.all_of("ConfigMap")}
    for source in one.get("envFrom", []):
        found |= maps[source["configMapRef"]["name"]]
    return found | {it["name"]: it["value"] for it in one.get("env", [])}


def containers(pod: Object) -> Iterator[Object]:
    yield from pod["spec"].get("initContainers", [])
    yield from pod["spec"]["containers"]


def container(pod: Object, name: str) -> Object:
    (found,) = (one for one in containers(pod) if one["name"] == name)
    return found


def effective(pod: Object, one: Object) -> Mapping[str, Any]:
    """A container's security context, with what it takes over from its pod's."""
    return {**pod["spec"].get("securityContext", {}), **one.get("securityContext", {})}
