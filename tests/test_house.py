"""The house rules that no linter knows: sizes, locks, the pure core's list, what must be there."""

from __future__ import annotations

import ast
import configparser
import os
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from detector.model import FindingKind

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("detector", "alerts", "spendwatch")
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
MAX_FUNCTION_LINES = 50
MAX_FILE_LINES = 400
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
PIN = re.compile(r"([a-z0-9-]+)(\[[a-z0-9,-]+\])?==[0-9][0-9a-z.+!]*( ; [^:@]+)? \\")
HASH = re.compile(r" {4}--hash=sha256:[0-9a-f]{64}( \\)?")


def by_path(path: Path) -> str:
    return str(path.relative_to(ROOT))


def code_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """The function's lines, its docstring left out."""
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    if ast.get_docstring(function, clean=False) is None:
        return lines
    docstring = function.body[0]
    return lines - ((docstring.end_lineno or docstring.lineno) - docstring.lineno + 1)


def too_long(tree: ast.Module, most: int = MAX_FUNCTION_LINES) -> list[str]:
    functions = (node for node in ast.walk(tree) if isinstance(node, FUNCTIONS))
    return [
        f"line {each.lineno}: {each.name} has {code_lines(each)} lines"
        for each in functions
        if code_lines(each) > most
    ]


def pins(lock: Path) -> dict[str, str]:
    """Each locked line (name, version, marker) by package name."""
    return {
        line.split("==")[0].split("[")[0]: line
        for line in lock.read_text().splitlines()
        if not line.startswith(" ")
    }


def package_names(requirements: list[str]) -> set[str]:
    return {re.split(r"[\[<>=!~; ]", each)[0].lower().replace("_", "-") for each in requirements}


def pyproject() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def pure_in_makefile() -> set[Path]:
    variable = re.search(r"^PURE_CORE := (.*?[^\\])$", (ROOT / "Makefile").read_text(), re.M | re.S)
    assert variable
    patterns = variable[1].replace("\\\n", " ").split()
    return {path for pattern in patterns for path in without_init(ROOT.glob(pattern))}


def pure_in_contract() -> set[Path]:
    contracts = configparser.ConfigParser()
    contracts.read(ROOT / ".importlinter")
    modules = contracts["importlinter:contract:pure"]["source_modules"].split()
    return {path for module in modules for path in files_of(module)}


def files_of(module: str) -> Iterator[Path]:
    path = ROOT / module.replace(".", "/")
    return without_init(path.rglob("*.py")) if path.is_dir() else iter([path.with_suffix(".py")])


def without_init(paths: Iterator[Path]) -> Iterator[Path]:
    return (path for path in paths if path.name != "__init__.py")


@pytest.mark.parametrize("path", SOURCES, ids=by_path)
def test_no_function_is_longer_than_fifty_lines(path):
    assert too_long(ast.parse(path.read_text())) == []


def test_a_docstring_does_not_count_towards_a_functions_length():
    body = "\n".join(["    x = 1"] * 3)
    documented = ast.parse(f'def f():\n    """One.\n\n    Two.\n    """\n{body}\n')
    assert too_long(documented, most=4) == []
    assert too_long(documented, most=3) == ["line 1: f has 4 lines"]


@pytest.mark.parametrize("path", SOURCES, ids=by_path)
def test_no_file_is_longer_than_four_hundred_lines(path):
    assert len(path.read_text().splitlines()) <= MAX_FILE_LINES


@pytest.mark.parametrize("path", [p for p in SOURCES if p.name == "__init__.py"], ids=by_path)
def test_an_init_file_imports_nothing(path):
    imports = (ast.Import, ast.ImportFrom)
    assert [n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, imports)] == []


def test_the_locks_are_those_that_make_lock_makes():
    made = re.findall(r"-o requirements/(\w+)\.txt", (ROOT / "Makefile").read_text())
    assert (
        {lock.stem for lock in LOCKS} == set(made) == {"runtime", "dev", "benchmark", "uv", "sbom"}
    )


@pytest.mark.parametrize("lock", LOCKS, ids=by_path)
def test_a_lock_holds_pinned_packages_with_hashes_and_no_address(lock):
    lines = lock.read_text().splitlines()
    assert [line for line in lines if not PIN.fullmatch(line) and not HASH.fullmatch(line)] == []


@pytest.mark.parametrize(
    "line",
    [f"--{option} https://example.org" for option in ("index-url", "find-links")]
    + ["a @ https://example.org/a.whl", "a>=1 \\"],
)
def test_a_line_that_names_an_address_or_no_version_is_seen(line):
    assert not PIN.fullmatch(line)
    assert not HASH.fullmatch(line)


def test_every_dependency_is_locked():
    runtime = package_names(pyproject()["project"]["dependencies"])
    dev = package_names(pyproject()["dependency-groups"]["dev"])
    build = package_names(pyproject()["build-system"]["requires"])
    assert runtime - pins(ROOT / "requirements/runtime.txt").keys() == set()
    assert (runtime | dev | build) - pins(ROOT / "requirements/dev.txt").keys() == set()
    others = package_names(pyproject()["dependency-groups"]["benchmark"])
    assert (runtime | others) - pins(ROOT / "requirements/benchmark.txt").keys() == set()
    assert pins(ROOT / "requirements/sbom.txt").keys() >= {"cyclonedx-bom"}


@pytest.mark.parametrize("lock", ["dev", "benchmark"])
def test_what_is_tested_and_measured_is_what_is_shipped(lock):
    used = pins(ROOT / f"requirements/{lock}.txt")
    shipped = pins(ROOT / "requirements/runtime.txt")
    assert {name: used.get(name) for name in shipped} == shipped


def test_no_detector_of_others_is_shipped_or_tested_with():
    others = package_names(pyproject()["dependency-groups"]["benchmark"])
    assert len(others) >= 3
    for lock in ("runtime", "dev"):
        assert others & pins(ROOT / f"requirements/{lock}.txt").keys() == set()


def test_the_makefile_and_the_contracts_name_the_same_pure_core():
    pure = pure_in_makefile()
    assert pure == pure_in_contract()
    assert [path for path in pure if not path.is_file()] == []


@pytest.mark.parametrize("kind", FindingKind)
def test_every_finding_kind_has_a_runbook(kind):
    assert (ROOT / f"docs/runbooks/{kind.value.replace(' ', '-')}.md").is_file()


@pytest.mark.parametrize(
    "name",
    [
        "pyproject.toml", "config.toml", "Dockerfile", "Makefile", "README.md", "ARCHITECTURE.md",
        "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "LICENSE", "detector", "alerts",
        "spendwatch", "tests",
    ],
)  # fmt: skip
def test_what_people_look_for_is_at_the_top(name):
    assert (ROOT / name).exists()


@pytest.mark.parametrize("command", ["make demo", "make test"])
def test_the_readme_shows_the_two_commands_on_its_first_screen(command):
    assert command in "\n".join((ROOT / "README.md").read_text().splitlines()[:40])


@pytest.mark.parametrize(
    "target",
    [
        "setup", "demo", "fmt", "lint", "types", "contracts", "test", "check", "matrix", "bench",
        "quality", "crash", "golden", "lock", "sbom", "image", "clean",
    ],
)  # fmt: skip
def test_make_help_explains_every_target(target):
    assert re.search(rf"^{target}:.* ## \S", (ROOT / "Makefile").read_text(), re.M)


def test_continuous_integration_runs_what_everybody_runs():
    script = ROOT / ".ci/run"
    assert "make check" in script.read_text()
    assert os.access(script, os.X_OK)
