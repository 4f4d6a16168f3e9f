"""`python -m tests.model [NAME]`: a table of all variants, or the story of those whose name contains NAME."""

from __future__ import annotations

import sys
import time

from tests.model.stories import row, story
from tests.model.variants import VARIANTS


def main(wanted: str | None) -> int:
    chosen = [variant for variant in VARIANTS if wanted is None or wanted in variant.name]
    if not chosen:
        print(f"no variant has {wanted!r} in its name", file=sys.stderr)
        return 1
    began_s = time.monotonic()
    for variant in chosen:
        print(row(variant) if wanted is None else story(variant), flush=True)
    print(f"{len(chosen)} variants in {time.monotonic() - began_s:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main(" ".join(sys.argv[1:]) or None))
