"""What is fuzzed, as functions of bytes that raise when a promise is broken, and where the search begins.

Ordinary tests call these too, so that they are right on the day when somebody fuzzes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from reconciler.core.documents import MAX_BYTES
from reconciler.core.manifest import MAX_PROBLEMS, read
from reconciler.core.model import Invalid, JobId, Manifest
from reconciler.core.outcome import (
    HIGHEST_JOB_ID,
    Created,
    NotCreated,
    Reply,
    Unclear,
    answer,
    code_of,
    receipt,
)
from reconciler.explorer.jobs import Listing, detail_in, is_success_in, listing_in

ROOT = Path(__file__).parents[2]
BASELINE = JobId(1000)
STATUSES = (200, 201, 299, 301, 400, 401, 403, 404, 408, 418, 429, 500, 501, 503, 504, 599)

_DIGEST = re.compile(r"[0-9a-f]{64}")
_DIGITS = re.compile(r"[1-9][0-9]{0,39}")


def read_file(data: bytes) -> None:
    """One file: each document is a manifest that says what it sends, or has problems with their places."""
    lines = data.count(b"\n") + 1
    for document in read("team/a.yaml", data):
        match document:
            case Manifest():
                _check_manifest(document)
            case Invalid():
                _check_problems(document, lines)


def read_large_file(data: bytes) -> None:
    """The same bytes again and again, up to the largest file that is read: what costs too much."""
    read_file((data * (MAX_BYTES // max(1, len(data)) + 1))[:MAX_BYTES])


def read_reply(data: bytes) -> None:
    """One reply, whose first byte chooses its status: it ends in a way that the protocol knows."""
    status = STATUSES[data[0] % len(STATUSES)] if data else 200
    body = data[1:]
    _check_reply(Reply(status, body))
    _check_reply(Reply(status, b'{"code":0,"data":%s}' % body))


def _check_reply(reply: Reply) -> None:
    assert code_of(reply)
    status, answered = reply.status, answer(reply)
    match receipt(reply, BASELINE):
        case Created(job_id=job_id):
            assert 200 <= status <= 299
            assert BASELINE < job_id <= HIGHEST_JOB_ID
        case NotCreated():
            assert status == 429 or status in range(400, 500) or status == 501
        case Unclear(why=why):
            assert why
    if isinstance(answered, bytes):
        _check_listing(answered)


def _check_manifest(document: Manifest) -> None:
    sent = json.loads(document.body)
    assert set(sent) == {"input"}
    for parameters in sent["input"].values():
        assert all(type(value) in (str, int, float) for value in parameters.values())
    assert _DIGEST.fullmatch(document.digest)
    assert _DIGITS.fullmatch(document.workflow_id)
    assert document.name.isascii()
    assert document.name.isprintable()


def _check_problems(document: Invalid, lines: int) -> None:
    assert 1 <= len(document.problems) <= MAX_PROBLEMS
    for problem in document.problems:
        assert 1 <= problem.line <= lines + 1, problem
        assert problem.column >= 1, problem
        assert problem.code
        assert problem.message.isprintable(), problem
        assert len(problem.message) < 10_000, problem


def _check_listing(text: bytes) -> None:
    listing = listing_in(text, 1, 100)
    if isinstance(listing, Listing):
        assert all(0 < job.job_id <= HIGHEST_JOB_ID for job in listing.jobs)
    detail_in(text, BASELINE)
    is_success_in(text)


@dataclass(frozen=True, slots=True)
class Target:
    """Something to fuzz: the function, what is tried first, and words that inputs are made of."""

    try_one: Callable[[bytes], None]
    seeds: tuple[bytes, ...]
    words: tuple[bytes, ...]
    most_bytes: int


HEAD = b"apiVersion: reconciler/v1\nkind: WorkflowJob\nmetadata: {name: a}\nspec:\n  workflowId: 1\n"
MANIFESTS = (
    *(path.read_bytes() for path in sorted((ROOT / "jobs.d").glob("*.yaml"))),
    HEAD,
    HEAD + b"  input: {q: {a: 1, b: 'x', c: \"\\u00e9\\ud83d\\ude00\"}}\n---\n" + HEAD,
    HEAD + b"  input:\n    q:\n      a: |\n        text\n\n        more\n      b: >-\n        folded\n",
    b'{"apiVersion": "reconciler/v1", "kind": "WorkflowJob", "metadata": {"name": "a"}}',
    b"%YAML 1.2\n---\na: &x [1, 0x1F, .inf, 1:30, 1_0]\nb: *x\n? !t [k]\n: <<\n...\n",
)
YAML_WORDS = (
    *(b"---\n", b"...\n", b"%YAML 1.2\n", b"%TAG ! tag:x\n", b"\n", b"\r\n", b"\t", b"  ", b" #"),
    *(b": ", b":\n", b"- ", b"? ", b"[", b"]", b"{", b"}", b", ", b'"', b"'", b"|\n", b"|2-\n", b">+\n"),
    *(b"&a ", b"*a", b"!t ", b"!!str ", b"<<: ", b"no", b"012", b"0x1F", b"1:30", b"1_0", b".inf", b"~"),
    *(b"\\", b"\\ud83d", b"\\ude00", b"\\U0010ffff", b"\\x00", b"\\L", b"\x00", b"\xef\xbb\xbf"),
    *(b"\xe2\x80\xae", b"\xe2\x80\xa8", b"metadata: ", b"name: ", b"labels: ", b"spec:\n", b"input: "),
    *(b"workflowId: ", b"rerun: ", b"suspend: ", b"onChange: replace", b"onDelete: cancel"),
    *(b"onUnknown: hold", b"dependsOn: [", b"9007199254740992", b"="),
)
REPLIES = (
    b'\0{"code":0,"data":{"id":2000},"message":"ok"}',
    b'\0{"code":200,"data":{"id":"1"}}',
    b'\5{"code":40104000,"message":"no session"}',
    b'\7{"code":40404000,"message":"no workflow","debugInfo":"x"}',
    b"\0<html></html>",
    b'\0{"code":0,"data":{"items":[{"id":1001,"workflowId":"1","status":2,"createTime":1}],"total":1,'
    b'"Page":1,"PageSize":100}}',
    b'\0{"code":0,"data":{"id":1000,"workflowId":1,"status":9,"createTime":"2024-05-01T00:00:00Z","tasks":[]}}',
    b'\0{"code":0,"data":{"success":true}}',
)
JSON_WORDS = (
    *(b"{", b"}", b"[", b"]", b":", b",", b'"', b"\\", b"\\u0000", b"\\ud83d", b"null", b"true", b"NaN"),
    *(b'"code":', b'"data":', b'"id":', b'"items":', b'"total":', b'"message":', b'"status":', b'"success":'),
    *(b"0", b"200", b"40104000", b"9223372036854775807", b"9223372036854775808", b"1e999", b"-1", b"\xff"),
)

TARGETS: Mapping[str, Target] = {
    "reader": Target(read_file, MANIFESTS, YAML_WORDS, 4_096),
    "large": Target(read_large_file, tuple(word * 2 for word in YAML_WORDS), YAML_WORDS, 64),
    "replies": Target(read_reply, REPLIES, JSON_WORDS, 4_096),
}
