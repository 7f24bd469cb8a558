"""What the queries that ship may read and must do, by their text and by Microsoft's parser."""

from __future__ import annotations

import json
import re
import subprocess

import pytest

from detector.sources.kql_text import WINDOW, literal
from tests.azure.kql_files import (
    CHECK,
    FOLDER,
    QUERIES,
    RESULTS,
    ROOT,
    check_queries,
    code_of,
    needs_parser,
    text_of,
    values_of,
)

WHAT_PEOPLE_WROTE = (
    "RequestMessages", "ResponseMessages", "RequestBody", "ResponseBody", "BackendRequestBody",
    "BackendResponseBody", "Message", "properties_s", "Url", "CallerIpAddress",
)  # fmt: skip

OF_WORKSPACE = {
    "customMetrics": "AppMetrics",
    "timestamp": "TimeGenerated",
    "name": "Name",
    "valueSum": "Sum",
    "valueCount": "ItemCount",
    "customDimensions": "Properties",
}


@pytest.mark.parametrize("name", QUERIES)
def test_no_query_reads_what_people_wrote(name):
    words = set(re.findall(r"\w+", code_of(name)))
    assert words.isdisjoint(WHAT_PEOPLE_WROTE)


@pytest.mark.parametrize("name", QUERIES)
def test_no_query_takes_whole_rows(name):
    code = code_of(name)
    assert not re.search(r"[(,]\s*\*", code)
    assert re.search(r"\| project [^|]+(\| order by \w+ asc\s*)?\Z", code)


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_begins_with_what_it_returns_and_why(name):
    head = text_of(name).split("let window_start")[0]
    assert all(line.startswith("//") for line in head.splitlines())
    assert "// Returns " in head


@pytest.mark.parametrize("name", QUERIES)
def test_each_let_of_the_first_block_is_a_parameter_with_a_value_in_the_tests(name):
    lets = re.findall(r"^let (\w+) = [^;\n]*;", text_of(name).split("{")[0], re.MULTILINE)
    scalars = [each for each in lets if not each.startswith("rows_of_")]
    assert scalars[:2] == list(WINDOW)
    assert scalars[2:] == list(values_of(name))


@pytest.mark.parametrize("name", QUERIES)
def test_every_table_is_cut_to_the_window_half_open_before_all_else(name):
    time = "timestamp" if name.endswith("_classic.kql") else "TimeGenerated"
    tables = "ApiManagementGatewayLogs|ApiManagementGatewayLlmLog|App\\w+|customMetrics|Azure\\w+"
    code = code_of(name)
    read = re.findall(rf"\b(?:{tables})\b", code)
    cut = rf"\b(?:{tables})\s*\| where {time} >= window_start and {time} < window_end\s"
    assert read
    assert len(read) == len(re.findall(cut, code))


@pytest.mark.parametrize("name", QUERIES)
def test_no_line_is_longer_than_a_hundred_characters(name):
    assert max(map(len, text_of(name).splitlines())) <= 100


def test_a_classic_query_differs_only_in_the_names_of_its_columns():
    for classic in (name for name in QUERIES if name.endswith("_classic.kql")):
        code = re.sub(r"\w+", lambda word: OF_WORKSPACE.get(word[0], word[0]), code_of(classic))
        of_workspace = code_of(classic.replace("_classic", "")).replace("name = Name", "Name")
        of_workspace = re.sub(r"\bname\b", "Name", of_workspace)
        assert code.split() == of_workspace.split(), classic


def test_what_each_query_returns_is_declared():
    assert list(json.loads(RESULTS.read_text())) == QUERIES


@needs_parser
def test_microsofts_parser_agrees_with_every_query():
    answer = check_queries(*(FOLDER / name for name in QUERIES))
    assert (answer.stderr, answer.returncode) == ("", 0)
    assert answer.stdout == f"{len(QUERIES)} queries: Microsoft's parser agrees\n"


WRONG = {
    "a column that the table has not": ("where Name ends", "where Nmae ends", "6:9: KS142"),
    "a table that is not": ("AppMetrics", "AppMetric", "4:1: KS204"),
    "= for ==": ('endswith "Tokens"', '= "Tokens"', "6:9: KS141"),
    "a reserved word": ("points", "last", "7:13: KS"),
    "a bracket too few": ("sum(Sum)", "sum(Sum", "7:47: KS005"),
    "a name bound nowhere": ("window_end\n", "window_stop\n", "5:59: KS142"),
    "a column renamed": ("points", "dots", "1:1: result: column 2 returned is dots:long, "),
    "columns swapped": ("t name, points,", "t points, name,", "1:1: result: column 1 returned"),
    "a column more": ("points, total", "points, total, more = 1", "1:1: result: column 4 returned"),
    "a column less": ("points, total", "points", "1:1: result: column 3 returned is missing"),
    "another type": ("sum(Sum)", "tolong(sum(Sum))", "1:1: result: column 3 returned is total:lo"),
}


@pytest.fixture(scope="module")
def refused(tmp_path_factory):
    """What is said of each wrong query, all of them checked at once, after a right one."""
    right = code_of("metric_names.kql").lstrip("\n")
    folder = tmp_path_factory.mktemp("wrong")
    files = {case: folder / str(nth) / "metric_names.kql" for nth, case in enumerate(WRONG)}
    for (old, new, _), file in zip(WRONG.values(), files.values(), strict=True):
        file.parent.mkdir()
        file.write_text(f"// A comment.\n{right.replace(old, new)}")
    answer = check_queries(FOLDER / "metric_names.kql", *files.values())
    assert (answer.returncode, answer.stdout) == (1, "")
    lines = answer.stderr.splitlines()
    assert not [line for line in lines if not line.startswith(str(folder))]
    return {
        case: [line.removeprefix(f"{file}:") for line in lines if line.startswith(f"{file}:")]
        for case, file in files.items()
    }


@needs_parser
@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_query_fails_with_its_line_and_column(case, refused):
    assert any(line.startswith(WRONG[case][2]) for line in refused[case]), refused[case]


@needs_parser
def test_a_query_whose_result_is_not_declared_fails(tmp_path):
    new = tmp_path / "new.kql"
    new.write_text(text_of("metric_names.kql"))
    answer = check_queries(new)
    assert answer.returncode == 1
    assert "not declared what it returns: name:string, points:long, total:real" in answer.stderr


@needs_parser
def test_make_lint_fails_on_a_wrong_query(tmp_path):
    wrong = tmp_path / "late_llm.kql"
    wrong.write_text("ApiManagementGatewayLogsLLM | count")
    answer = subprocess.run(
        [ROOT / ".ci/check-kql", wrong], capture_output=True, text=True, check=False
    )
    assert answer.returncode == 1
    assert "ApiManagementGatewayLogsLLM" in answer.stderr
    assert "@.ci/check-kql\n" in (ROOT / "Makefile").read_text()


def test_without_node_the_check_says_what_to_install(tmp_path):
    for tool in ("bash", "dirname", "cmp", "sed"):
        (tmp_path / tool).symlink_to(f"/usr/bin/{tool}")
    answer = subprocess.run(
        [ROOT / ".ci/check-kql"],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0
    assert "apt-get install nodejs npm" in answer.stderr


def test_the_parsers_lock_is_pinned_and_names_no_address():
    manifest = json.loads(CHECK.with_name("package.json").read_text())
    text = CHECK.with_name("package-lock.json").read_text()
    assert not re.search(r"resolved|https?:", text)
    locked = {
        path.removeprefix("node_modules/"): each
        for path, each in json.loads(text)["packages"].items()
        if path
    }
    assert {name: each["version"] for name, each in locked.items()} == manifest["dependencies"]
    assert all(each["integrity"].startswith("sha512-") for each in locked.values())


def test_the_queries_are_shipped_with_the_package():
    assert '"sources/kql/*.kql"' in (ROOT / "pyproject.toml").read_text()
    assert literal("x") == '"x"'
