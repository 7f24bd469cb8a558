"""docs/azure.md and its examples: they agree, and gateway, workspace and spendwatch take them."""

from __future__ import annotations

import csv
import json
import re
import tomllib
from importlib.util import find_spec
from pathlib import Path
from typing import get_args
from xml.etree import ElementTree

import pytest

from spendwatch.settings import load_settings
from tests.spendwatch.config_files import ENOUGH

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "docs/azure"
GUIDE = (ROOT / "docs/azure.md").read_text(encoding="utf-8")
LANGUAGES = {
    ".bicep": "bicep",
    ".csv": "csv",
    ".json": "json",
    ".kql": "kql",
    ".toml": "toml",
    ".xml": "xml",
}
POLICIES = sorted(EXAMPLES.glob("*.xml"))
SECTIONS = ["inbound", "backend", "outbound", "on-error"]
INBOUND_ALONE = {"llm-emit-token-metric", "azure-openai-emit-token-metric", "validate-jwt"}
MESSAGES_OF_OTHERS = {"Policy is not allowed in the specified section", "master", "BCP037"}
SOURCE = f"""
[[sources]]
kind = "azure_logs"
name = "gateway"
workspace_id = "{"0" * 8}-0000-0000-0000-{"0" * 12}"
"""
AZURE_IS_KNOWN = find_spec("spendwatch.settings_azure") is not None
MAPPINGS_ARE_READ = find_spec("detector.sources.identity_file") is not None
FAULTS_ARE_TOLD = find_spec("detector.sources.log_analytics_faults") is not None
QUERIES_ARE_BOUND = find_spec("detector.sources.kql_text") is not None


def by_name(path):
    return path.name


def blocks(language):
    """Every block of code in the guide that is in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", GUIDE, flags=re.DOTALL | re.MULTILINE)


def sections(policy):
    return list(ElementTree.parse(policy).getroot())  # noqa: S314 - a file of our own


def expressions(policy):
    """Every policy expression, wherever in the document it stands."""
    for element in ElementTree.parse(policy).getroot().iter():  # noqa: S314 - a file of our own
        texts = [*element.attrib.values(), element.text or ""]
        yield from (text.strip() for text in texts if text.strip().startswith("@"))


def headers_asked_for(bicep, parameter):
    (listed,) = re.findall(rf"^param {parameter} array = \[\n(.*?)^\]", bicep, re.DOTALL | re.M)
    return re.findall(r"'([^']+)'", listed)


def test_there_are_examples_of_every_kind():
    assert {path.suffix for path in EXAMPLES.iterdir()} == LANGUAGES.keys()


@pytest.mark.parametrize("path", sorted(EXAMPLES.iterdir()), ids=by_name)
def test_the_guide_shows_each_example_as_the_file_has_it_and_links_to_it(path):
    assert path.read_text(encoding="utf-8") in blocks(LANGUAGES[path.suffix])
    assert f"(azure/{path.name})" in GUIDE


@pytest.mark.parametrize("language", sorted({"bicep", "csv", "json", "kql", "xml"}))
def test_the_guide_shows_nothing_that_is_no_file(language):
    files = [path.read_text(encoding="utf-8") for path in EXAMPLES.glob(f"*.{language}")]
    assert sorted(blocks(language)) == sorted(files)


@pytest.mark.parametrize("policy", POLICIES, ids=by_name)
def test_a_policy_has_every_section_in_order_and_begins_each_with_what_is_inherited(policy):
    assert [section.tag for section in sections(policy)] == SECTIONS
    assert [section[0].tag for section in sections(policy)] == ["base"] * len(SECTIONS)


@pytest.mark.parametrize("policy", POLICIES, ids=by_name)
def test_a_policy_does_something(policy):
    assert any(len(section) > 1 for section in sections(policy))


@pytest.mark.parametrize("policy", POLICIES, ids=by_name)
def test_what_belongs_into_inbound_stands_in_inbound_alone(policy):
    for section in sections(policy):
        inside = {element.tag for element in section.iter()}
        assert section.tag == "inbound" or not inside & INBOUND_ALONE


@pytest.mark.parametrize("policy", POLICIES, ids=by_name)
def test_the_body_of_an_answer_is_read_only_where_it_is_no_stream(policy):
    for section in sections(policy):
        if any("Response.Body" in (element.text or "") for element in section.iter()):
            (choice,) = section.findall("choose")
            (when,) = choice
            assert '.StartsWith("application/json")' in when.attrib["condition"]


@pytest.mark.parametrize("policy", POLICIES, ids=by_name)
def test_expressions_are_closed(policy):
    for text in expressions(policy):
        opened, closed = ("@(", ")") if text.startswith("@(") else ("@{", "}")
        assert text.startswith(opened)
        assert text.endswith(closed)
        # A brace in quotation marks is none of C#'s.
        code = re.sub(r'"(?:[^"\\]|\\.)*"|\'.\'', "", text)
        assert [code.count(mark) for mark in "({["] == [code.count(mark) for mark in ")}]"]


def test_a_metric_has_no_more_dimensions_than_a_gateway_takes():
    (metric,) = ElementTree.parse(EXAMPLES / "policy-token-metric.xml").iter(  # noqa: S314 - ours
        "llm-emit-token-metric"
    )
    assert 1 <= len(metric.findall("dimension")) <= 5


def test_bicep_and_command_line_switch_on_the_same():
    bicep = (EXAMPLES / "diagnostics.bicep").read_text(encoding="utf-8")
    asked = json.loads((EXAMPLES / "api-diagnostic.json").read_text(encoding="utf-8"))["properties"]
    assert asked["frontend"]["request"]["headers"] == headers_asked_for(bicep, "requestHeaders")
    assert asked["frontend"]["response"]["headers"] == headers_asked_for(bicep, "responseHeaders")
    assert asked["sampling"]["percentage"] == 100
    assert "percentage: 100" in bicep
    for category in ("GatewayLogs", "GatewayLlmLogs"):
        assert f"category: '{category}'" in bicep
        assert f'"category": "{category}"' in GUIDE
    assert "logAnalyticsDestinationType: 'Dedicated'" in bicep
    assert "--export-to-resource-specific true" in GUIDE


def test_no_prompt_and_no_answer_is_logged():
    bicep = (EXAMPLES / "diagnostics.bicep").read_text(encoding="utf-8")
    asked = json.loads((EXAMPLES / "api-diagnostic.json").read_text(encoding="utf-8"))["properties"]
    assert asked["largeLanguageModel"] == {"logs": "enabled"}
    assert "messages:" not in bicep
    assert set(re.findall(r"bytes: (\d+)", bicep)) == {"0"}
    bodies = [asked[side][way]["body"] for side in ("frontend", "backend") for way in asked[side]]
    assert bodies == [{"bytes": 0}] * 4


def test_every_header_that_a_policy_sets_is_logged():
    asked = json.loads((EXAMPLES / "api-diagnostic.json").read_text(encoding="utf-8"))["properties"]
    headers = {
        element.attrib["name"]
        for policy in POLICIES
        for element in ElementTree.parse(policy).iter("set-header")  # noqa: S314 - ours
    }
    assert headers == {"X-Cached-Tokens", "x-spend-tenant"}
    assert headers - set(asked["frontend"]["response"]["headers"]) == set()


def test_the_mapping_has_the_columns_of_one():
    with (EXAMPLES / "subscriptions.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["id", "tenant", "feature", "cost_centre"]
    assert all(row["id"] and row["tenant"] for row in rows)


@pytest.mark.skipif(not MAPPINGS_ARE_READ, reason="mappings are not read in this version")
def test_the_mapping_is_read_as_it_stands():
    from detector.sources.identity_file import IdentityFile

    identities = IdentityFile(EXAMPLES / "subscriptions.csv")()
    assert identities["contoso-prod"].tenant == "contoso"
    assert identities["bu-hr"].cost_centre == "CC-2040"


def test_the_query_leaves_its_window_to_be_bound():
    text = (EXAMPLES / "resource-tokens.kql").read_text(encoding="utf-8")
    assert "TimeGenerated >= window_start and TimeGenerated < window_end" in text
    assert "let " not in text


@pytest.mark.skipif(not QUERIES_ARE_BOUND, reason="own queries are not bound in this version")
def test_the_query_is_taken_as_one_of_the_users_own():
    from detector.sources.kql_text import own

    text = (EXAMPLES / "resource-tokens.kql").read_text(encoding="utf-8")
    assert own("resource-tokens.kql", text).text.endswith(text)


@pytest.mark.parametrize("text", blocks("toml"))
def test_settings_in_the_guide_are_toml(text):
    assert tomllib.loads(text)


@pytest.mark.skipif(not AZURE_IS_KNOWN, reason="no source of Azure in this version")
@pytest.mark.parametrize("text", blocks("toml"))
def test_settings_in_the_guide_are_accepted(tmp_path, text):
    for name in ("subscriptions.csv", "resource-tokens.kql"):
        (tmp_path / name).write_bytes((EXAMPLES / name).read_bytes())
    for name in ("users.csv", "tenants.csv"):
        (tmp_path / name).write_text("id,tenant\n1,contoso\n", encoding="utf-8")
    # A few lines are those of a source that the guide has shown before.
    whole = text if text.startswith("[") else SOURCE + text
    path = tmp_path / "config.toml"
    path.write_text(whole + ("" if "[[receivers]]" in whole else ENOUGH), encoding="utf-8")
    settings = load_settings(path, {})
    assert len(settings.sources) == whole.count("[[sources]]")


def test_every_carrier_is_explained_in_the_table_and_shown_in_settings():
    table = GUIDE[GUIDE.index("| carrier | is |") :].split("\n\n")[0]
    explained = set(re.findall(r"^\| `(\w+)` \|", table, flags=re.MULTILINE))
    shown = set(re.findall(r'carrier = "(\w+)"', "".join(blocks("toml"))))
    assert explained == shown


@pytest.mark.skipif(not AZURE_IS_KNOWN, reason="no source of Azure in this version")
def test_the_carriers_that_are_explained_are_those_there_are():
    from spendwatch.settings_azure import CarrierKind

    table = GUIDE[GUIDE.index("| carrier | is |") :].split("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == set(get_args(CarrierKind))


def messages_explained():
    """What the last table of the guide explains, cut where a message names something."""
    table = GUIDE[GUIDE.index("| message | cause |") :].split("\n\n")[0]
    cells = [row.split(" | ")[0] for row in table.splitlines()[2:]]
    told = [message for cell in cells for message in re.findall(r"`([^`]+)`", cell)]
    cut = r"\.\.\.|\([^)]*\)|ApiManagementGatewayLlmLog|200"
    pieces = (piece.strip() for message in told for piece in re.split(cut, message))
    return [piece for piece in pieces if piece and piece not in MESSAGES_OF_OTHERS]


@pytest.mark.skipif(not FAULTS_ARE_TOLD, reason="Log Analytics is not asked in this version")
@pytest.mark.parametrize("piece", messages_explained())
def test_a_message_that_is_explained_is_one_that_is_told(piece):
    folders = ("detector/sources/*.py", "spendwatch/azure_*.py", "spendwatch/coverage_words.py")
    files = [path for folder in folders for path in ROOT.glob(folder)]
    sources = [path.read_text(encoding="utf-8") for path in files]
    joined = re.sub(r'["\']\s*\n\s*f?["\']', "", "\n".join(sources))
    assert piece in joined
