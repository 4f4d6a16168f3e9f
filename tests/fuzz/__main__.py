"""`python -m tests.fuzz TARGET`: search for bytes that break a promise, guided by what code they reach.

reader     files of up to 4 KiB, as the reader gets them
large      files of the largest size, made of up to 64 bytes that repeat
replies    Explorer's replies

--inputs 1000000   so many, then a report; without it, until Ctrl-C
--slow-s 1         an input that takes longer fails (seconds of processor time)

What failed is kept in `.fuzz`, and `python -m tests.fuzz TARGET --again FILE` tries it alone. What was found
to be worth trying is kept there too, so that the next search begins where this one ended.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["reconciler.core", "reconciler.explorer.jobs"]):
    from tests.fuzz.targets import ROOT, TARGETS, Target

PLACE = ROOT / ".fuzz"
TOLD_EVERY = 50_000
REPORT = (
    "{inputs:,} inputs in {seconds:.0f} s: none failed, the slowest took {slowest_s:.3f} s, {mib:.0f} MiB"
)


class Trial:
    """Tries inputs, and keeps count: how many there were, and how long the slowest took."""

    def __init__(self, target: Target, most: int | None, slow_s: float) -> None:
        self.target = target
        self.most = most
        self.slow_s = slow_s
        self.inputs = 0
        self.slowest_s = 0.0
        self.began_s = time.monotonic()

    def __call__(self, data: bytes) -> None:
        began_s = time.thread_time()
        self.target.try_one(data)
        took_s = time.thread_time() - began_s
        self.inputs += 1
        self.slowest_s = max(self.slowest_s, took_s)
        if took_s > self.slow_s:
            raise TimeoutError(f"{took_s:.3f} s for one input")
        if self.inputs % TOLD_EVERY == 0 or self.inputs == self.most:
            print(self.report(), flush=True)
        if self.inputs == self.most:
            os._exit(0)  # libFuzzer takes any other end for a crash

    def report(self) -> str:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        seconds = time.monotonic() - self.began_s
        return REPORT.format(inputs=self.inputs, seconds=seconds, slowest_s=self.slowest_s, mib=peak)


def main() -> None:
    asked = _arguments()
    target = TARGETS[asked.target]
    if asked.again:
        target.try_one(asked.again.read_bytes())
        return
    trial = Trial(target, asked.inputs, asked.slow_s)
    _search(asked.target, target, trial)


def _search(name: str, target: Target, trial: Callable[[bytes], None]) -> None:
    corpus = PLACE / name
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.seeds):
        (corpus / f"seed-{number}").write_bytes(seed)
    words = PLACE / f"{name}.words"
    words.write_text("".join(f'"{_escaped(word)}"\n' for word in target.words))
    options = [
        f"-dict={words}",
        f"-max_len={target.most_bytes}",
        f"-artifact_prefix={PLACE}/failed-{name}-",
        "-timeout=60",
        "-verbosity=0",
    ]
    atheris.Setup([sys.argv[0], *options, str(corpus)], trial)
    atheris.Fuzz()


def _escaped(word: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("target", choices=sorted(TARGETS))
    parser.add_argument("--inputs", type=int)
    parser.add_argument("--slow-s", type=float, default=1.0)
    parser.add_argument("--again", type=Path, metavar="FILE")
    return parser.parse_args()


if __name__ == "__main__":
    main()
