"""What the program is held against and is no part of it: installed below `.bench`, at fixed versions.

Where packages come from is what pip and npm are set up to use.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

CHECK_JSONSCHEMA = "check-jsonschema==0.39.0"
AJV = "ajv-cli@5.0.0"


class AbsentError(Exception):
    """A rival that cannot be had here; says why."""


def check_jsonschema(directory: Path) -> Path:
    """The program `check-jsonschema`, in an environment of its own."""
    program = directory / "check-jsonschema" / "bin" / "check-jsonschema"
    if not program.exists():
        _run(sys.executable, "-m", "venv", "--clear", str(directory / "check-jsonschema"))
        _run(str(program.parent / "python"), "-m", "pip", "--quiet", "install", CHECK_JSONSCHEMA)
    return program


def ajv(directory: Path) -> Path:
    """The program `ajv`."""
    program = directory / "ajv" / "node_modules" / ".bin" / "ajv"
    if not program.exists():
        _run("npm", "install", "--prefix", str(directory / "ajv"), "--no-fund", "--no-audit", AJV)
    return program


def _run(*command: str) -> None:
    try:
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    except FileNotFoundError:
        raise AbsentError(f"there is no {command[0]}") from None
    except subprocess.CalledProcessError as error:
        last = (error.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise AbsentError(f"{' '.join(command[:4])}: {last}") from None
