"""The house's rules that a machine can check: which way imports point, how long things are, their names."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "reconciler"

_BELOW = frozenset({"core", "errors"})
_SETTINGS = frozenset({"settings", "setting_files", "setting_kinds", "policy_file"})
_ENGINE = frozenset({*_BELOW, *_SETTINGS, "source", "store", "explorer", "engine"})
_EDGE = frozenset({*_ENGINE, "ops", "cli", "sandbox", ""})

MAY_IMPORT: Mapping[str, frozenset[str]] = {
    "core": frozenset({"core"}),
    "sandbox": frozenset({"sandbox"}),
    "source": _BELOW | {"source"},
    "store": _BELOW | {"store"},
    "explorer": _BELOW | {"explorer", ""},
    "engine": _ENGINE,
    "ops": _EDGE - {"cli", "sandbox"},
    "cli": _EDGE,
    "errors": frozenset(),
    "setting_kinds": _BELOW,
    "policy_file": _BELOW,
    "setting_files": frozenset(),
    "setting_page": frozenset({"settings"}),
    "settings": _BELOW | {"setting_files", "setting_kinds", "policy_file"},
    "": frozenset(),
    "__main__": frozenset({"cli"}),
}
"""What each part of the package may import of the package; "" is `reconciler/__init__.py`, the version."""

IMPURE = frozenset(
    {
        *(
            "asyncio",
            "ctypes",
            "fcntl",
            "httpx",
            "logging",
            "multiprocessing",
            "os",
            "random",
            "secrets",
            "select",
        ),
        *("shutil", "signal", "socket", "sqlite3", "ssl", "structlog", "subprocess", "tempfile", "threading"),
        *("time", "urllib.request", "uuid", "watchdog"),
    }
)
"""Modules with a clock, a die, the disk, the network or a logger in them: none of these in the core."""

MOST_LINES = 400
MOST_TEST_LINES = 500
"""A test file is a list of sentences: it may be longer than a module before it has two subjects."""

MOST_FUNCTION_LINES = 40
NOT_A_NAME = re.compile(
    r"(utils?|helpers?|common|misc|managers?)$|(handle|process|do)_\w+|\w*(Manager|Helper)$"
)


def imports_of(source: str) -> set[str]:
    """The names of all modules that a text imports, wherever in it; `from x import y` also as `x.y`."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            found |= {module, *(f"{module}.{alias.name}" for alias in node.names)}
    return found


def part_of(path: Path) -> str:
    """The part of the house that a file of the package belongs to."""
    inside = path.relative_to(PACKAGE)
    if len(inside.parts) > 1:
        return inside.parts[0]
    return "" if inside.stem == "__init__" else inside.stem


def parts_imported(source: str) -> set[str]:
    parts: set[str] = set()
    for name in imports_of(source):
        if name == "reconciler.__version__":
            parts.add("")
        elif name.startswith("reconciler."):
            parts.add(name.split(".")[1])
        elif name.startswith("."):
            parts.add("a relative import")
    return parts


def wrong_imports(part: str, source: str) -> set[str]:
    return parts_imported(source) - MAY_IMPORT[part]


def impure_imports(source: str) -> set[str]:
    return {name for name in imports_of(source) if name in IMPURE or name.split(".")[0] in IMPURE}


def long_functions(source: str) -> list[str]:
    """Functions over MOST_FUNCTION_LINES, their docstring not counted, that do not say why: `# long: …`."""
    lines = source.splitlines()
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            doc = ast.get_docstring(node, clean=False) or ""
            length = (node.end_lineno or 0) - node.lineno + 1 - (len(doc.splitlines()) if doc else 0)
            says_why = any("# long: " in line for line in lines[node.lineno - 1 : node.end_lineno])
            if length > MOST_FUNCTION_LINES and not says_why:
                found.append(f"{node.name} has {length} lines")
    return found


def bad_names(path: Path, source: str) -> list[str]:
    named = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    names = [node.name for node in ast.walk(ast.parse(source)) if isinstance(node, named)]
    return [name for name in [path.stem, path.parent.name, *names] if NOT_A_NAME.match(name.lstrip("_"))]


MODULES = sorted(PACKAGE.rglob("*.py"))
TEST_FILES = sorted((ROOT / "tests").rglob("*.py"))


def texts() -> Iterator[tuple[str, str]]:
    """Every text file that is in the repository, or would be after `git add`."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        path = ROOT / name
        if path.is_file() and not path.is_symlink():
            content = path.read_bytes()
            if b"\0" not in content:
                yield name, content.decode("utf-8")


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_imports_point_down_only(path: Path) -> None:
    assert wrong_imports(part_of(path), path.read_text("utf-8")) == set()


@pytest.mark.parametrize("path", sorted((PACKAGE / "core").glob("*.py")), ids=named)
def test_the_core_has_no_clock_no_disk_no_network_and_no_logger(path: Path) -> None:
    assert impure_imports(path.read_text("utf-8")) == set()


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_functions_are_short_and_named_after_what_they_give(path: Path) -> None:
    source = path.read_text("utf-8")
    assert long_functions(source) == []
    assert bad_names(path, source) == []


@pytest.mark.parametrize("path", [*MODULES, *TEST_FILES], ids=named)
def test_files_are_small(path: Path) -> None:
    most = MOST_LINES if path in MODULES else MOST_TEST_LINES
    assert len(path.read_text("utf-8").splitlines()) <= most


@pytest.mark.parametrize("path", sorted((ROOT / "tests").glob("*/test_*.py")), ids=named)
def test_a_test_file_stands_where_its_module_stands(path: Path) -> None:
    """`tests/core/test_plan.py`, or `test_plan_order.py` for one side of it, is for `core/plan.py`."""
    tested = path.stem.removeprefix("test_")
    part = PACKAGE / path.parent.name
    mirrored = [one.stem for one in part.glob("*.py") if f"{tested}_".startswith(f"{one.stem}_")]
    assert mirrored or not part.is_dir()


_INDEX_HOSTS = re.compile("|".join(["py" + "pi\\.org", "python" + "hosted", "--(extra-)?index" + "-url"]))
_MACHINE_PATH = re.compile("(?<![\\w./~}-])/(work|root|home|Users)" + "/\\w")
_WORKSHOP = re.compile("\\.\\./sh" + "ared|\\bissue" + " \\d", re.IGNORECASE)


@pytest.mark.parametrize(
    "pattern",
    [_INDEX_HOSTS, _MACHINE_PATH, _WORKSHOP],
    ids=["package indexes", "machine paths", "the workshop"],
)
def test_no_text_names_what_belongs_to_one_machine(pattern: re.Pattern[str]) -> None:
    found = [f"{name}: {hit[0]}" for name, text in texts() for hit in pattern.finditer(text)]
    assert found == []


@pytest.mark.parametrize(
    ("part", "source"),
    [
        ("core", "from reconciler.store.port import Store"),
        ("core", "def f():\n    import reconciler.engine.daemon"),
        ("source", "from reconciler import store"),
        ("store", "from reconciler.settings import Settings"),
        ("explorer", "from reconciler.source.tree import Tree"),
        ("engine", "from reconciler.ops.metrics import Metrics"),
        ("ops", "from reconciler.cli.main import main"),
        ("sandbox", "from reconciler.core.model import JobStatus"),
        ("errors", "from reconciler.core.model import Name"),
        ("cli", "from .main import main"),
    ],
)
def test_an_import_that_points_up_would_be_found(part: str, source: str) -> None:
    assert wrong_imports(part, source)


def test_other_breaches_would_be_found() -> None:
    assert impure_imports("from time import monotonic") == {"time", "time.monotonic"}
    assert long_functions("def f():\n" + "    x = 1\n" * 40) == ["f has 41 lines"]
    assert long_functions("def f():\n    # long: one table\n" + "    x = 1\n" * 40) == []
    assert bad_names(Path("x/helpers.py"), "def handle_job(): ...\nclass JobManager: ...") == [
        "helpers",
        "handle_job",
        "JobManager",
    ]
    assert _MACHINE_PATH.search("see /ho" + "me/someone/x")
    assert _INDEX_HOSTS.search("https://py" + "pi.org/simple")
