"""Every overlay, rendered by kubectl: that Kubernetes takes it, and each property that keeps it safe."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
import yaml

from reconciler import settings as known
from tests.deploy.kustomized import (
    OVERLAYS,
    WORKLOADS,
    Object,
    Rendered,
    container,
    containers,
    effective,
    environment,
    kubectl,
    text_of,
)
from tests.deploy.tools import DEPLOY, ran, tool

LOWEST = "1.29"
"""The first Kubernetes in which a sidecar may be an init container that goes on without a feature gate."""

VERSIONS = (LOWEST, "1.32")
NOT_OF_KUBERNETES = ("PodMonitor", "PrometheusRule")
FROM_GIT = ("git-ssh", "git-token", "sidecar")
OWN_POD = ("configmap", "git-ssh", "git-token")
DIRECTORIES = [*(f"overlays/{name}" for name in OVERLAYS), "restore"]
ALLOWED_VOLUMES = {"configMap", "emptyDir", "persistentVolumeClaim", "secret"}


@pytest.fixture(params=DIRECTORIES)
def any_of_them(request: pytest.FixtureRequest) -> Rendered:
    return Rendered.of(request.param)


@pytest.fixture(params=OVERLAYS)
def overlay(request: pytest.FixtureRequest) -> Rendered:
    return Rendered.of(f"overlays/{request.param}")


def pod_volumes(pod: Object) -> dict[str, Object]:
    return {one["name"]: one for one in pod["spec"].get("volumes", [])}


def mounts(one: Object) -> dict[str, Object]:
    return {mount["name"]: mount for mount in one.get("volumeMounts", [])}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("directory", DIRECTORIES)
def test_kubernetes_takes_every_object(directory: str, version: str, tmp_path: Path) -> None:
    objects = [one for one in Rendered.of(directory).objects if one["kind"] not in NOT_OF_KUBERNETES]
    file = tmp_path / "all.yaml"
    file.write_text(yaml.safe_dump_all(objects))
    said = ran(tool("kubernetes-validate"), "--strict", "-k", version, str(file))
    assert said.count(" passed for resource ") == len(objects)


def test_a_misspelt_field_would_be_found(tmp_path: Path) -> None:
    file = tmp_path / "odd.yaml"
    text = text_of("overlays/git-ssh")
    file.write_text(text.replace("readOnlyRootFilesystem", "readOnlyRootFileSystem"))
    with pytest.raises(AssertionError, match="readOnlyRootFileSystem"):
        ran(tool("kubernetes-validate"), "--strict", "-k", LOWEST, str(file))


def test_there_are_the_overlays_that_the_readme_names() -> None:
    assert OVERLAYS == ["configmap", "git-ssh", "git-token", "sidecar"]
    text = (DEPLOY / "README.md").read_text("utf-8")
    assert all(f"overlays/{name}" in text for name in OVERLAYS)


def test_every_container_is_restricted_in_full(any_of_them: Rendered) -> None:
    pod = any_of_them.pod
    for one in containers(pod):
        context = effective(pod, one)
        assert context["runAsNonRoot"] is True
        assert context["runAsUser"] > 0
        assert context["allowPrivilegeEscalation"] is False
        assert context.get("privileged", False) is False
        assert context["readOnlyRootFilesystem"] is True
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not any("hostPort" in port for port in one.get("ports", []))


def test_a_pod_shares_nothing_with_its_node(any_of_them: Rendered) -> None:
    spec = any_of_them.pod["spec"]
    assert not {"hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace"} & spec.keys()
    kinds = {kind for volume in spec["volumes"] for kind in volume.keys() - {"name"}}
    assert kinds <= ALLOWED_VOLUMES


def test_no_pod_gets_a_token_of_a_service_account(any_of_them: Rendered) -> None:
    assert any_of_them.pod["spec"]["automountServiceAccountToken"] is False
    for account in any_of_them.all_of("ServiceAccount"):
        assert account["automountServiceAccountToken"] is False
    assert any_of_them.all_of("Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding") == []


def test_every_container_says_what_it_needs_and_where_it_ends(any_of_them: Rendered) -> None:
    for one in containers(any_of_them.pod):
        assert one["resources"]["requests"].keys() >= {"cpu", "memory"}
        assert one["resources"]["limits"].keys() >= {"cpu", "memory"}


def test_every_image_has_a_tag_that_is_not_latest(any_of_them: Rendered) -> None:
    for one in containers(any_of_them.pod):
        _, _, tag = one["image"].rpartition("/")[2].partition(":")
        assert tag not in ("", "latest")


def test_there_can_be_one_writer_only(overlay: Rendered) -> None:
    workload = overlay.one(*WORKLOADS)
    assert workload["spec"]["replicas"] == 1
    if workload["kind"] == "Deployment":
        assert workload["spec"]["strategy"] == {"type": "Recreate"}
    claims = overlay.all_of("PersistentVolumeClaim") + workload["spec"].get("volumeClaimTemplates", [])
    assert [claim["spec"]["accessModes"] for claim in claims] == [["ReadWriteOnce"]]
    assert "reconciler" in {it["name"] for it in containers(overlay.pod)}


@pytest.mark.parametrize("name", OWN_POD)
def test_the_state_outlives_the_set(name: str) -> None:
    spec = Rendered.of(f"overlays/{name}").one("StatefulSet")["spec"]
    assert spec["persistentVolumeClaimRetentionPolicy"] == {"whenDeleted": "Retain", "whenScaled": "Retain"}


def test_the_state_lies_on_the_claim(overlay: Rendered) -> None:
    state = Path(overlay.settings()["RECONCILER_STATE"])
    by_path = {
        mount["mountPath"]: name for name, mount in mounts(container(overlay.pod, "reconciler")).items()
    }
    name = by_path[str(state.parent)]
    templates = overlay.one(*WORKLOADS)["spec"].get("volumeClaimTemplates", [])
    volume = pod_volumes(overlay.pod).get(name, {})
    assert "persistentVolumeClaim" in volume or name in {one["metadata"]["name"] for one in templates}


def test_an_end_has_time_for_the_drain(overlay: Rendered) -> None:
    grace_s = overlay.pod["spec"]["terminationGracePeriodSeconds"]
    assert grace_s >= float(overlay.settings()["RECONCILER_DRAIN_S"]) + 10


def test_the_settings_are_settings_and_complete(overlay: Rendered) -> None:
    found = overlay.settings()
    secrets = {"RECONCILER_PASSWORD_FILE": str(DEPLOY / "Containerfile")}  # any file that can be read
    known.load({**found, **secrets}, None, {}, needs_explorer=True)
    assert found["RECONCILER_LISTEN"] == "0.0.0.0:9469"
    assert found["RECONCILER_JOBS_DIR"]


def test_secrets_are_files(overlay: Rendered) -> None:
    volumes = pod_volumes(overlay.pod)
    for one in containers(overlay.pod):
        assert not any("valueFrom" in it for it in one.get("env", []))
        assert not any("secretRef" in it for it in one.get("envFrom", []))
        for name, mount in mounts(one).items():
            if "secret" in volumes.get(name, {}):
                assert mount["readOnly"] is True
                assert volumes[name]["secret"]["defaultMode"] == 0o440
    assert overlay.all_of("Secret") == []
    daemon = container(overlay.pod, "reconciler")
    place = mounts(daemon)["explorer"]["mountPath"]
    assert Path(overlay.settings()["RECONCILER_PASSWORD_FILE"]).parent == Path(place)


def test_the_kubelet_asks_the_ops_port(overlay: Rendered) -> None:
    one = container(overlay.pod, "reconciler")
    port = int(overlay.settings()["RECONCILER_LISTEN"].rpartition(":")[2])
    assert {"name": "ops", "containerPort": port} in one["ports"]
    asked = {
        kind: one[kind]["httpGet"]["path"] for kind in ("startupProbe", "livenessProbe", "readinessProbe")
    }
    assert asked == {"startupProbe": "/livez", "livenessProbe": "/livez", "readinessProbe": "/readyz"}
    assert all(one[kind]["httpGet"]["port"] == "ops" for kind in asked)


@pytest.mark.parametrize("name", FROM_GIT)
def test_git_sync_runs_beside_the_daemon_from_before_to_after(name: str) -> None:
    rendered = Rendered.of(f"overlays/{name}")
    first = rendered.pod["spec"]["initContainers"][0]
    assert (first["name"], first["restartPolicy"]) == ("git-sync", "Always")
    assert {"--root=/git", "--link=current", "--max-failures=-1"} <= set(first["args"])
    assert "startupProbe" not in first
    jobs_dir = rendered.settings()["RECONCILER_JOBS_DIR"]
    assert jobs_dir.startswith("/git/current/")
    daemon = container(rendered.pod, "reconciler")
    assert mounts(first)["git"]["mountPath"] == mounts(daemon)["git"]["mountPath"] == "/git"
    assert mounts(daemon)["git"]["readOnly"] is True
    assert rendered.pod["spec"]["securityContext"]["fsGroup"] == effective(rendered.pod, first)["runAsGroup"]


@pytest.mark.parametrize(
    ("name", "files", "port"),
    [
        ("git-ssh", {"GITSYNC_SSH_KEY_FILE", "GITSYNC_SSH_KNOWN_HOSTS_FILE"}, 22),
        ("git-token", {"GITSYNC_PASSWORD_FILE"}, 443),
    ],
)
def test_git_is_reached_with_a_secret_and_through_the_policy(name: str, files: set[str], port: int) -> None:
    rendered = Rendered.of(f"overlays/{name}")
    git = container(rendered.pod, "git-sync")
    found = environment(rendered, git)
    assert found.keys() >= files | {"GITSYNC_REPO", "GITSYNC_REF"}
    places = {mount["mountPath"] for mount in git["volumeMounts"] if mount.get("readOnly")}
    assert {str(Path(found[file]).parent) for file in files} <= places
    ports = {it["port"] for rule in rendered.one("NetworkPolicy")["spec"]["egress"] for it in rule["ports"]}
    assert ports == {53, 7002, port}


@pytest.mark.parametrize("name", OWN_POD)
def test_the_network_is_closed_but_for_what_is_needed(name: str) -> None:
    rendered = Rendered.of(f"overlays/{name}")
    policy = rendered.one("NetworkPolicy")["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    wanted = policy["podSelector"]["matchLabels"].items()
    assert wanted <= rendered.pod["metadata"]["labels"].items()
    (ingress,) = policy["ingress"]
    assert ingress["ports"] == [{"protocol": "TCP", "port": "ops"}]
    assert ingress["from"] == [
        {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
    ]
    assert all(rule["to"] and rule["ports"] for rule in policy["egress"])
    for rule in policy["egress"]:
        for to in rule["to"]:
            assert "169.254.0.0/16" in to.get("ipBlock", {"except": ["169.254.0.0/16"]})["except"]


def test_a_config_map_is_mounted_whole_so_that_the_kubelet_can_swap_it() -> None:
    rendered = Rendered.of("overlays/configmap")
    daemon = container(rendered.pod, "reconciler")
    mount = mounts(daemon)["jobs"]
    assert mount["mountPath"] == rendered.settings()["RECONCILER_JOBS_DIR"]
    assert "subPath" not in mount
    name = pod_volumes(rendered.pod)["jobs"]["configMap"]["name"]
    (jobs,) = [one for one in rendered.all_of("ConfigMap") if one["metadata"]["name"] == name]
    assert name == "jobs"
    assert all(yaml.safe_load(text)["kind"] == "WorkflowJob" for text in jobs["data"].values())


def test_a_sidecar_leaves_the_team_s_own_container_alone() -> None:
    before = yaml.safe_load((DEPLOY / "overlays/sidecar/client.yaml").read_text("utf-8"))
    rendered = Rendered.of("overlays/sidecar")
    after = rendered.one("Deployment")
    assert after["spec"]["template"]["spec"]["containers"] == before["spec"]["template"]["spec"]["containers"]
    assert after["spec"]["selector"] == before["spec"]["selector"]
    assert [one["name"] for one in after["spec"]["template"]["spec"]["initContainers"]] == [
        "git-sync",
        "reconciler",
    ]
    assert container(rendered.pod, "reconciler")["restartPolicy"] == "Always"


def test_prometheus_finds_the_pod_and_grafana_the_dashboards(overlay: Rendered) -> None:
    monitor = overlay.one("PodMonitor")["spec"]
    assert monitor["selector"]["matchLabels"].items() <= overlay.pod["metadata"]["labels"].items()
    (endpoint,) = monitor["podMetricsEndpoints"]
    assert endpoint["port"] in {it["name"] for it in container(overlay.pod, "reconciler")["ports"]}
    assert {"targetLabel": "job", "replacement": "reconciler"} in endpoint["relabelings"]
    assert overlay.one("PrometheusRule")["spec"]["groups"]
    maps = [
        one for one in overlay.all_of("ConfigMap") if "grafana_dashboard" in one["metadata"].get("labels", {})
    ]
    (boards,) = maps
    assert boards["data"].keys() == {"overview.json", "detail.json"}
    assert all(json.loads(text)["title"] for text in boards["data"].values())


def test_a_restored_start_says_so_by_its_arguments(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    overlay = tmp_path / "x" / "kustomization.yaml"
    overlay.write_text(
        f"resources: [{relative(DEPLOY / 'overlays/git-ssh', overlay.parent)}]\n"
        f"components: [{relative(DEPLOY / 'components/restored', overlay.parent)}]\n"
    )
    rendered = Rendered(tuple(yaml.safe_load_all(ran(kubectl(), "kustomize", str(overlay.parent)))))
    assert container(rendered.pod, "reconciler")["args"] == ["run", "--restored"]


def relative(path: Path, start: Path) -> str:
    return "../" * len(start.resolve().parts[1:]) + str(path.resolve())[1:]


def place(state: Path, backup: bytes) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, DEPLOY / "restore" / "place.py", state],
        input=backup,
        capture_output=True,
        timeout=300,
        check=False,
    )


def database(path: Path, content: int) -> bytes:
    with closing(sqlite3.connect(path)) as opened:
        opened.execute("CREATE TABLE x (y)")
        opened.execute("INSERT INTO x VALUES (?)", (content,))
        opened.commit()
    return path.read_bytes()


def test_a_backup_is_put_in_place_and_what_was_there_is_kept(tmp_path: Path) -> None:
    backup = database(tmp_path / "backup.db", 2)
    state = tmp_path / "state" / "state.db"
    state.parent.mkdir()
    database(state, 1)
    for suffix in ("-wal", "-shm", ".intents", ".arrived"):
        state.with_name(state.name + suffix).write_text(suffix)
    done = place(state, backup)
    assert done.returncode == 0, done.stderr
    assert state.read_bytes() == backup
    assert state.with_name("state.db.intents").read_text() == ".intents"
    names = sorted(path.name.partition(".before-")[0] for path in state.parent.glob("*.before-*"))
    assert names == ["state.db", "state.db-shm", "state.db-wal"]
    assert len(list(state.parent.iterdir())) == 5


@pytest.mark.parametrize("share", [0.0, 0.6])
def test_a_backup_that_arrived_in_part_changes_nothing(tmp_path: Path, share: float) -> None:
    backup = database(tmp_path / "backup.db", 2)
    state = tmp_path / "state" / "state.db"
    state.parent.mkdir()
    before = database(state, 1)
    done = place(state, backup[: int(len(backup) * share)])
    assert done.returncode == 1
    assert state.read_bytes() == before
    assert [path.name for path in state.parent.iterdir()] == ["state.db"]
