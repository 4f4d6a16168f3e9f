"""No file within the size limit crashes the reader or keeps it busy."""

import subprocess
import sys

import pytest

from reconciler.core.documents import MAX_BYTES
from reconciler.core.fault import MAX_POINTER, MAX_STEPS
from reconciler.core.manifest import read

SECONDS = 30.0
"""Far above what any of these takes (the slowest about one second on a busy machine), far below quadratic."""

HEAD = "apiVersion: reconciler/v1\nkind: WorkflowJob\nmetadata: {name: a}\nspec:\n  workflowId: 1\n"
VALUE = HEAD + "  input: {q: {a: "

HOSTILE = {
    "brackets": "[" * MAX_BYTES,
    "braces": "{" * MAX_BYTES,
    "lists in lists": "- " * MAX_BYTES,
    "keys of keys": "? " * MAX_BYTES,
    "mappings in lists": "[a: " * MAX_BYTES,
    "open lists on lines": "[\n" * MAX_BYTES,
    "merges": "a: &a {b: c}\n" + "".join(f"a{i}: &a{i} {{<<: [*a, *a, *a]}}\n" for i in range(6000)),
    "anchors": "- &a x\n" * MAX_BYTES,
    "tag directives": "".join(f"%TAG !a{i}! tag:x\n" for i in range(14_000)) + "--- a\n",
    "directives alone": "%a\n" * MAX_BYTES,
    "documents": "--- a\n" * MAX_BYTES,
    "documents with fields": "---\na: 1\nb: 2\nc: {}\n" * MAX_BYTES,
    "documents with names": "metadata: {name: a}\n---\n" * MAX_BYTES,
    "ends of documents": "...\n" * MAX_BYTES,
    "base 60": VALUE + "1" + ":59" * MAX_BYTES,
    "digits": VALUE + "1" * MAX_BYTES,
    "fraction": VALUE + "0." + "1" * MAX_BYTES,
    "exponent": VALUE + "1e" + "9" * MAX_BYTES,
    "underscores": VALUE + "1_" * MAX_BYTES,
    "bad characters": "\x01" * MAX_BYTES,
    "carriage returns": "a\r" * MAX_BYTES,
    "surrogate pairs": 'a: "' + "\\ud83d\\ude00" * MAX_BYTES,
    "backslashes": 'a: "' + "\\\\" * MAX_BYTES,
    "ambiguous words deep down": "".join(" " * i + "k" * 1000 + f"{i}:\n" for i in range(29))
    + " " * 30 + "[" + "012," * 5000 + "]",
    "unknown fields": HEAD + "".join(f"k{i}: 1\n" for i in range(9000)),
    "long unknown fields": HEAD + "".join("spek" * 200 + f"{i}: 1\n" for i in range(300)),
    "tasks without parameters": HEAD + "  input:\n" + "".join(f"    t{i}:\n" for i in range(9900)),
    "equal keys": HEAD + "a: 1\n" * 9000,
    "things that cannot be sorted": HEAD + "  dependsOn: [" + "{}," * 6000 + "]",
    "a name without end": "metadata: {name: " + "a-" * MAX_BYTES,
    "a name of many parts": "metadata: {name: " + "a." * 100_000 + "!}",
    "a label without end": "metadata: {labels: {a: " + "a-" * 100_000 + "}}",
    "metadata after metadata": "@\nmetadata:\n" + "  name: a b\n" * MAX_BYTES,
    "blanks": " " * MAX_BYTES,
    "comments in lists": "[" + "a, #b\n" * MAX_BYTES,
    "comments without a blank": "[" + "a,#b\n" * MAX_BYTES,
    "documents full of problems": ("---\n{" + ",".join(f"k{i}" for i in range(60)) + "}\n") * 1000,
    "question marks": "{" + "?a: 1," * MAX_BYTES,
}  # fmt: skip

READER = """
import resource, sys, time
from pathlib import Path
from reconciler.core.manifest import read

start = time.process_time()
read("a.yaml", sys.stdin.buffer.read())
seconds = time.process_time() - start
try:
    lines = Path("/proc/self/status").read_text().splitlines()
    print(seconds, *(line.split()[1] for line in lines if line.startswith("VmHWM:")))
except OSError:
    print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
"""On Linux `ru_maxrss` counts what the test's own process had before this one was started in its place."""


@pytest.mark.parametrize("title", HOSTILE)
def test_a_hostile_file_is_read_in_bounded_time_and_memory(title):
    """In a process of its own, so that a crash of the C parser is seen as one."""
    data = HOSTILE[title].encode()[:MAX_BYTES]
    done = subprocess.run(
        [sys.executable, "-c", READER], input=data, capture_output=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    seconds, kilobytes = map(float, done.stdout.split())
    assert seconds < SECONDS
    assert kilobytes < 256 * 1024


def test_a_file_full_of_problems_has_about_a_thousand_of_them():
    document = "---\n{" + ",".join(f"k{number}" for number in range(60)) + "}\n"
    problems = [problem for found in read("a.yaml", (document * 900).encode()) for problem in found.problems]
    assert 1_000 < len(problems) < 2_000
    assert problems[-1].message == (
        "this document has problems too; the first 1,000 of the file are told. Mend those"
    )


def test_keys_inside_each_other_make_no_pointer_longer_than_one_can_use():
    deep = "".join(" " * i + "k" * 1000 + f"{i}:\n" for i in range(29)) + " " * 30 + "012\n"
    [found] = read("a.yaml", deep.encode())
    assert max(len(problem.pointer) for problem in found.problems) <= MAX_POINTER
    [told] = [problem for problem in found.problems if problem.code == "ambiguous"]
    assert told.message.count("kkk…") == MAX_STEPS
