"""Odd but legal manifests, on their way from a file to a job on a server that is not the sandbox."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.walk.daemon import Installation
from tests.walk.manifests import manifest
from tests.walk.other_explorer import OtherExplorer

HEAD = "apiVersion: reconciler/v1\nkind: WorkflowJob\n"

ODD: dict[str, tuple[str, str, str]] = {
    "non-ascii.yaml": (
        'metadata: {name: non-ascii}\nspec:\n  workflowId: "4216617528"\n'
        "  input:\n    query_1: {起始点: player100, größe: 3, 🎯: ♥, ￮: x}\n",
        "4216617528",
        '{"input":{"query_1":{"größe":3,"起始点":"player100","🎯":"♥","￮":"x"}}}',
    ),
    "quoted-names.yaml": (
        "metadata:\n  name: quoted-names\nspec:\n  workflowId: 42\n  input:\n    query_1:\n"
        '      "1.0000000000000001": a\n      2022-8-19: b\n      "1": c\n      "true": d\n      " ": e\n'
        '      "a b\\"c\\\\d": f\n',
        "42",
        '{"input":{"query_1":{" ":"e","1":"c","1.0000000000000001":"a","2022-8-19":"b",'
        '"a b\\"c\\\\d":"f","true":"d"}}}',
    ),
    "numbers.yml": (
        "metadata: {name: numbers.of.all-kinds}\nspec:\n  workflowId: 42\n  input:\n"
        "    analytics_pagerank_1:\n      a: 10\n      b: -0.5\n"
        "      c: 1e3\n      d: 0.1\n      e: 9007199254740991\n      f: 1.0\n"
        '      g: 1e-7\n      h: "10"\n      i: 2022-08-19\n      j: 1e21\n      k: 0.30000000000000004\n',
        "42",
        '{"input":{"analytics_pagerank_1":{"a":10,"b":-0.5,"c":1000,"d":0.1,"e":9007199254740991,"f":1,'
        '"g":1e-7,"h":"10","i":"2022-08-19","j":1e+21,"k":0.30000000000000004}}}',
    ),
    "lists-as-text.yaml": (
        'metadata: {name: lists-as-text}\nspec:\n  workflowId: "98765432109876543210987654321"\n  input:\n'
        '    query_1: {ids: \'player101", "player102\', flag: "True", list: "[1, 2]", none: "null"}\n',
        "98765432109876543210987654321",
        '{"input":{"query_1":{"flag":"True","ids":"player101\\", \\"player102","list":"[1, 2]",'
        '"none":"null"}}}',
    ),
    "no-input.yaml": ("metadata: {name: no-input}\nspec: {workflowId: 7}\n", "7", '{"input":{}}'),
    "empty-input.json": (
        '{"apiVersion": "reconciler/v1", "kind": "WorkflowJob", "metadata": {"name": "empty-input"},'
        ' "spec": {"workflowId": 8, "input": {}}}',
        "8",
        '{"input":{}}',
    ),
    "nested/deep/long.yaml": (
        "metadata: {name: long-text}\nspec:\n  workflowId: 42\n  input:\n    query_1:\n      nGQL: |\n"
        "        MATCH (v:player{name: $name})\n        \tWHERE v.age > 30 // é\n        RETURN v;\n"
        "    analytics_jaccard_similarity_4: {}\n    query_2: {v: ' padded ', w: '</script>'}\n",
        "42",
        '{"input":{"analytics_jaccard_similarity_4":{},"query_1":{"nGQL":"MATCH (v:player{name: $name})\\n'
        '\\tWHERE v.age > 30 // é\\nRETURN v;\\n"},"query_2":{"v":" padded ","w":"</script>"}}}',
    ),
}
"""Path → (document without its head, workflow, the body that must arrive), the bodies written by hand."""


def arrived(explorer: OtherExplorer) -> Counter[tuple[str, str]]:
    return Counter((job.workflow, job.body.decode()) for job in explorer.jobs)


def wanted() -> Counter[tuple[str, str]]:
    return Counter((workflow, body) for _, workflow, body in ODD.values())


@pytest.fixture
def odd(installation: Installation) -> Installation:
    for path, (text, _, _) in ODD.items():
        installation.write(path, text if path.endswith(".json") else HEAD + text)
    return installation


def test_each_arrives_once_byte_for_byte_and_its_id_is_the_servers(
    odd: Installation, explorer: OtherExplorer
) -> None:
    with odd.daemon() as daemon:
        daemon.until_all("Succeeded", count=len(ODD))
        assert arrived(explorer) == wanted()
    items = odd.get()
    by_id = {str(job.id): job for job in explorer.jobs}
    assert {item["jobId"] for item in items.values()} == by_id.keys()
    for item in items.values():
        text, workflow, body = ODD[item["path"]]
        job = by_id[item["jobId"]]
        assert item["name"] in text
        assert (item["workflowId"], job.workflow, job.body.decode()) == (workflow, workflow, body)
        assert (item["generation"], item["attempt"], item["jobStatus"]) == (1, 1, "Success")
        assert item["submittedAt"] <= item["updatedAt"]


def test_a_trace_id_goes_with_each_request_and_is_told(odd: Installation, explorer: OtherExplorer) -> None:
    with odd.daemon() as daemon:
        items = daemon.until_all("Running", "Succeeded", count=len(ODD))
        sent = {seen.headers["traceparent"].split("-")[1] for seen in explorer.submissions()}
    assert len(sent) == len(ODD)
    assert sent == {item["traceId"] for item in items.values()}
    assert not any("idempotency-key" in seen.headers for seen in explorer.requests)


def test_comments_moves_and_reordered_keys_submit_nothing(odd: Installation, explorer: OtherExplorer) -> None:
    with odd.daemon() as daemon:
        daemon.until_all("Succeeded", count=len(ODD))
        odd.write("non-ascii.yaml", "# why\n" + (odd.jobs_dir / "non-ascii.yaml").read_text() + "# done\n")
        odd.write(
            "numbers.yml",
            "spec:\n  input: {analytics_pagerank_1: {k: 0.30000000000000004, j: 1e21, i: '2022-08-19', "
            " h: '10', g: 0.0000001, f: 1, e: 9007199254740991, d: 0.10, c: 1000, b: -5e-1, a: 10.0}}\n"
            "  workflowId: '42'\nmetadata: {labels: {a: b}, name: numbers.of.all-kinds}\n" + HEAD,
        )
        (odd.jobs_dir / "lists-as-text.yaml").rename(odd.jobs_dir / "nested/moved.yml")
        (odd.jobs_dir / "no-input.yaml").rename(odd.jobs_dir / "renamed.yaml")
        joined = "---\n".join((odd.jobs_dir / name).read_text() for name in ("renamed.yaml", "numbers.yml"))
        (odd.jobs_dir / "numbers.yml").unlink()
        odd.write("renamed.yaml", joined)
        daemon.until(lambda: daemon.items()["lists-as-text"]["path"] == "nested/moved.yml", "the move")
        daemon.comes_to_rest()
        assert {item["generation"] for item in daemon.items().values()} == {1}
    assert arrived(explorer) == wanted()


def test_a_changed_value_submits_one(odd: Installation, explorer: OtherExplorer) -> None:
    with odd.daemon() as daemon:
        daemon.until_all("Succeeded", count=len(ODD))
        changed = (odd.jobs_dir / "non-ascii.yaml").read_text().replace("größe: 3", "größe: 4")
        odd.write("non-ascii.yaml", changed)
        explorer.wait_for_jobs(len(ODD) + 1)
        daemon.comes_to_rest()
        assert daemon.items()["non-ascii"]["generation"] == 2
        assert daemon.items()["non-ascii"]["jobId"] == str(explorer.jobs[-1].id)
    assert arrived(explorer) - wanted() == Counter(
        [("4216617528", ODD["non-ascii.yaml"][2].replace('"größe":3', '"größe":4'))]
    )


def test_a_restart_and_a_lost_session_submit_nothing_twice(
    odd: Installation, explorer: OtherExplorer
) -> None:
    with odd.daemon() as daemon:
        daemon.until_all("Succeeded", count=len(ODD))
        assert daemon.stop() == 0
    with odd.daemon() as daemon:
        daemon.looks_again()
        explorer.forget_sessions()
        odd.write("another.yaml", manifest("another", "42"))
        explorer.wait_for_jobs(len(ODD) + 1)
        daemon.comes_to_rest()
    assert arrived(explorer) - wanted() == Counter([("42", '{"input":{"query_1":{}}}')])
    assert explorer.logins <= 3


def test_a_lost_session_is_renewed_once_for_all_that_wait(
    installation: Installation, explorer: OtherExplorer
) -> None:
    workflows = [str(number) for number in range(100, 108)]
    for workflow in workflows:
        installation.write(f"{workflow}.yaml", manifest(f"w{workflow}", workflow, version=1))
    with installation.daemon() as daemon:
        daemon.until_all("Succeeded", count=8)
        logins = explorer.logins
        explorer.forget_sessions()
        for workflow in workflows:
            installation.write(f"{workflow}.yaml", manifest(f"w{workflow}", workflow, version=2))
        explorer.wait_for_jobs(16)
        daemon.comes_to_rest()
    assert explorer.logins == logins + 1
    assert {len(explorer.jobs_of(workflow)) for workflow in workflows} == {2}


def test_a_broken_file_stops_nobody(installation: Installation, explorer: OtherExplorer) -> None:
    installation.write("good.yaml", manifest("good", version=1))
    installation.write("ran.yaml", manifest("ran", version=1))
    installation.write("worse.yaml", "{[")
    with installation.daemon() as daemon:
        daemon.until_states(good="Succeeded", ran="Succeeded")
        installation.write("ran.yaml", manifest("ran", version=2).replace("kind", "kin"))
        installation.write("binary.yaml", "\x00\x01")
        installation.write("new.yaml", manifest("new", version=1) + "---\n" + "a: [\n")
        installation.write("good.yaml", manifest("good", version=2))
        daemon.until_states(good="Succeeded", ran="Invalid")
        daemon.comes_to_rest()
        ran = daemon.items()["ran"]
        assert (ran["state"], ran["generation"]) == ("Invalid", 1)
        assert "kin" in ran["reason"]
        installation.write("ran.yaml", manifest("ran", version=1))
        daemon.until_states(ran="Succeeded")
    assert Counter(job.body for job in explorer.jobs) == {
        b'{"input":{"query_1":{"version":1}}}': 3,
        b'{"input":{"query_1":{"version":2}}}': 1,
    }


def test_deleted_and_added_again_unchanged_submits_nothing(
    installation: Installation, explorer: OtherExplorer
) -> None:
    installation.write("a.yaml", manifest("a", version=1))
    installation.write("b.yaml", manifest("b", version=1))
    with installation.daemon() as daemon:
        daemon.until_states(a="Succeeded", b="Succeeded")
        (installation.jobs_dir / "a.yaml").unlink()
        daemon.until_states(a="Deleted")
        installation.write("a.yaml", manifest("a", version=1))
        daemon.until_states(a="Succeeded")
        daemon.comes_to_rest()
        assert daemon.items()["a"]["generation"] == 1
    assert len(explorer.jobs) == 2


def test_a_then_b_then_a_again_are_three(installation: Installation, explorer: OtherExplorer) -> None:
    installation.write("a.yaml", manifest("a", version="A"))
    with installation.daemon() as daemon:
        for count, version in enumerate("BA", start=1):
            explorer.wait_for_jobs(count)
            daemon.until_states(a="Succeeded")
            installation.write("a.yaml", manifest("a", version=version))
        explorer.wait_for_jobs(3)
        daemon.comes_to_rest()
        assert daemon.items()["a"]["generation"] == 3
    assert [job.input["query_1"]["version"] for job in explorer.jobs] == ["A", "B", "A"]


def test_jobs_of_others_are_never_taken_for_ours(installation: Installation, explorer: OtherExplorer) -> None:
    installation.write("a.yaml", manifest("a", version=0))
    foreign = set()
    with installation.daemon() as daemon:
        for version in range(1, 4):
            explorer.wait_for_jobs(2 * version - 1)
            daemon.until_states(a="Succeeded")
            foreign.add(explorer.add_job("42").id)
            installation.write("a.yaml", manifest("a", version=version))
        explorer.wait_for_jobs(7)
        daemon.comes_to_rest()
    told = {line["job"] for line in daemon.says("submitted")}
    assert told == {job.id for job in explorer.jobs} - foreign
    assert len(told) == 4


def test_run_once_submits_what_is_new_and_ends_by_its_result(
    installation: Installation, explorer: OtherExplorer
) -> None:
    installation.write("a.yaml", manifest("a", version=1))
    assert installation.command("run", "--once").returncode == 0
    assert installation.command("run", "--once").returncode == 0
    installation.write("b.yaml", "kind: [")
    installation.write("c.yaml", manifest("c", version=1))
    assert installation.command("run", "--once").returncode == 1
    assert len(explorer.jobs) == 2
    assert installation.get()["c"]["jobId"] == str(explorer.jobs[-1].id)
