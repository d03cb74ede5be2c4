"""Holds the house rules: imports run one way, the library lives without Qt, files and functions stay small."""

from __future__ import annotations

import ast
import statistics
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
QT = {"PySide6", "shiboken6", "pyqtgraph", "PyQt5", "PyQt6", "qtpy"}
# From the top down. A room may use its own floor and those below; within a floor no two rooms use each other.
FLOORS = (
    ("__main__",),
    ("cli",),
    ("bench",),
    ("explore", "analysis", "validation", "interop"),
    ("evaluate",),
    ("cost",),
    ("mapping", "baselines", "catalog"),
    ("report", "design", "technology"),
    ("workload", "units", "fields"),
    ("resources",),
)
FLOOR = {room: depth for depth, rooms in enumerate(FLOORS) for room in rooms}
APART = {"canvas", "panels", "charts", "lessons", "library", "compare", "evidence"}
COMPOSED = {("compare", "charts"), ("evidence", "charts")}
"""(room, what it may use): the Compare view lines charts up, and residuals are plotted as charts are."""
MAX_FILE_LINES = 500
MAX_FUNCTION_LINES = 60
MAX_MEDIAN_FUNCTION_LINES = 12


def modules(package: str) -> dict[str, Path]:
    """Dotted name to file of every module of a package."""
    found = {}
    for path in sorted((ROOT / package).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def imported(name: str, path: Path) -> Iterator[tuple[str, int]]:
    """Every dotted name that a module imports, inside functions and `if TYPE_CHECKING` too, with its line."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) + 1 - node.level] if node.level else []
            base = ".".join([*parents, *([node.module] if node.module else [])])
            # `from hwlib import catalog` means the module hwlib.catalog, `from hwlib.units import parse` one below it.
            yield from ((f"{base}.{alias.name}", node.lineno) for alias in node.names)


def room(dotted: str) -> str:
    """The part of a package that a module belongs to: hwlib.report_json is of the room `report`."""
    name = dotted.split(".")[1] if "." in dotted else ""
    return next((known for known in FLOOR if name == known or name.startswith(known + "_")), name)


def edges(package: str) -> Iterator[tuple[str, str, str]]:
    """(importing module, imported name, place) of every import in a package."""
    for name, path in modules(package).items():
        for target, line in imported(name, path):
            yield name, target, f"{path.relative_to(ROOT)}:{line}"


def test_every_module_of_the_library_has_a_floor() -> None:
    unknown = {name for name in modules("hwlib") if "." in name and room(name) not in FLOOR}
    assert not unknown, f"give these a place in FLOORS: {sorted(unknown)}"


def test_library_imports_run_downwards() -> None:
    wrong = [
        f"{place}: {room(name)} imports {room(target)}"
        for name, target, place in edges("hwlib")
        if target.startswith("hwlib.") and FLOOR.get(room(target), 99) < FLOOR.get(room(name), 99)
    ]
    assert not wrong, "\n".join(wrong)


def test_no_two_rooms_use_each_other() -> None:
    uses: dict[str, set[str]] = {}
    for name, target, _ in edges("hwlib"):
        if target.startswith("hwlib.") and room(name) != room(target) and room(target) in FLOOR:
            uses.setdefault(room(name), set()).add(room(target))
    placed: set[str] = set()
    while ready := {r for r in set(uses) | set().union(*uses.values()) if not uses.get(r, set()) - placed} - placed:
        placed |= ready
    assert set(uses) <= placed, f"these use each other in a circle: {sorted(set(uses) - placed)}"


def test_library_knows_neither_qt_nor_the_application() -> None:
    wrong = [place for _, target, place in edges("hwlib") if target.split(".")[0] in QT | {"explorer"}]
    assert not wrong, "\n".join(wrong)


def test_rooms_of_the_window_never_import_each_other() -> None:
    wrong = [
        f"{place}: {room(name)} imports {room(target)}"
        for name, target, place in edges("explorer")
        if target.startswith("explorer.")
        and {room(name), room(target)} <= APART
        and room(name) != room(target)
        and (room(name), room(target)) not in COMPOSED
    ]
    assert not wrong, "\n".join(wrong)


def test_nothing_reads_the_tests() -> None:
    wrong = [p for pkg in ("hwlib", "explorer") for _, t, p in edges(pkg) if t.split(".")[0] in {"tests", "benchmarks"}]
    assert not wrong, "\n".join(wrong)


WITHOUT_QT = """
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {qt}:
            raise ImportError(name + " is blocked")
sys.meta_path.insert(0, Blocker())
import importlib
for name in {names}:
    importlib.import_module(name)
print("imported", len({names}))
"""


@pytest.mark.parametrize("package", ["hwlib", "explorer"])
def test_imports_with_qt_blocked(package: str) -> None:
    """All of hwlib, and of the application what runs before Qt is known to load."""
    before_qt = {"explorer", "explorer.cli", "explorer.cli_commands", "explorer.preflight", "explorer.run"}
    # The optional readers of other tools' formats import their tool on use, so all of hwlib must import plainly.
    names = sorted(name for name in modules(package) if package == "hwlib" or name in before_qt)
    code = WITHOUT_QT.format(qt=sorted(QT), names=names)
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["imported", str(len(names))]


# House rules ------------------------------------------------------------------------------------------------------

CODE = sorted(p for top in ("hwlib", "explorer", "tests", "tools", "benchmarks") for p in (ROOT / top).rglob("*.py"))


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Name with line, and length in lines, of every function."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{path.relative_to(ROOT)}:{node.lineno} {node.name}", (node.end_lineno or 0) - node.lineno + 1


def test_files_are_short() -> None:
    long = {str(p.relative_to(ROOT)): n for p in CODE if (n := len(p.read_text("utf-8").splitlines())) > MAX_FILE_LINES}
    assert not long


def test_functions_are_short() -> None:
    lengths = dict(pair for path in CODE for pair in functions(path))
    assert not {name: length for name, length in lengths.items() if length >= MAX_FUNCTION_LINES}
    assert statistics.median(lengths.values()) <= MAX_MEDIAN_FUNCTION_LINES


def test_every_module_says_what_lives_there() -> None:
    silent = [str(p.relative_to(ROOT)) for p in CODE if tree(p).body and not ast.get_docstring(tree(p))]
    assert not silent
