"""Where the process begins, as `reconciler` and as `python -m reconciler`: nothing is imported yet."""

from __future__ import annotations

import gc


def main() -> None:
    """Run the command line; never returns.

    Importing makes thousands of objects and no garbage, and none of them is garbage before the process ends.
    To look for some, at the start and once more at the end, takes a fifth of the time of a short command, so
    what was imported is left out of all collections.
    """
    gc.disable()
    try:
        from reconciler.cli.main import main as command_line
    finally:
        gc.freeze()
        gc.enable()
    try:
        command_line()
    finally:
        gc.freeze()


if __name__ == "__main__":
    main()
