"""What docs give to monitor with: rules that promtool has tested, a dashboard for Grafana."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs/monitoring"
WEB = ROOT / "docs/web.md"
RULES = yaml.safe_load((FOLDER / "alerts.yml").read_text(encoding="utf-8"))
CASES = yaml.safe_load((FOLDER / "alerts_test.yml").read_text(encoding="utf-8"))
DASHBOARD = json.loads((FOLDER / "dashboard.json").read_text(encoding="utf-8"))
_METRIC = re.compile(r"\bspendwatch_[a-z_]+")
_MADE_BY_THE_LIBRARY = re.compile(r"_(total|bucket|sum|count)$")


def rules():
    return [rule for group in RULES["groups"] for rule in group["rules"]]


def panels():
    return [each for each in DASHBOARD["panels"] if each["type"] != "row"]


def expressions():
    shown = [target["expr"] for panel in panels() for target in panel["targets"]]
    return [*shown, *(rule["expr"] for rule in rules())]


def metrics_in(text):
    return {_MADE_BY_THE_LIBRARY.sub("", name) for name in _METRIC.findall(text)}


@pytest.fixture
def promtool():
    found = shutil.which("promtool")
    if found is None:
        pytest.skip("needs promtool (Debian: prometheus), to test rules of Prometheus")
    return found


def test_promtool_takes_the_rules_and_their_tests_hold(promtool):
    for words in (("check", "rules", "alerts.yml"), ("test", "rules", "alerts_test.yml")):
        done = subprocess.run(
            [promtool, *words], cwd=FOLDER, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_promtool_reads_every_expression_of_the_dashboard(promtool, tmp_path):
    shown = [target["expr"] for panel in panels() for target in panel["targets"]]
    asked = [re.sub(r"\$job", ".+", expr) for expr in shown]
    checked = [{"record": f"x{at}", "expr": expr} for at, expr in enumerate(asked)]
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": checked}]}))
    done = subprocess.run(
        [promtool, "check", "rules", file], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_rule_has_a_case_in_which_it_fires_and_one_in_which_it_does_not():
    fires, quiet = set(), set()
    for case in CASES["tests"]:
        for test in case["alert_rule_test"]:
            (fires if test["exp_alerts"] else quiet).add(test["alertname"])
    names = {rule["alert"] for rule in rules()}
    assert fires == quiet == names


def test_each_rule_says_how_grave_it_is_and_what_to_do():
    for rule in rules():
        assert rule["labels"]["severity"] in ("critical", "warning"), rule["alert"]
        assert rule["annotations"].keys() == {"summary", "description"}, rule["alert"]


def test_the_page_names_every_rule():
    page = (ROOT / "docs/monitoring.md").read_text(encoding="utf-8")
    told = set(re.findall(r"^\| `([A-Z]\w+)` \|", page, re.MULTILINE))
    assert told == {rule["alert"] for rule in rules()}


def test_every_metric_of_the_rules_and_the_dashboard_is_documented():
    if not WEB.exists():
        pytest.skip("needs docs/web.md, which says what /metrics holds")
    documented = metrics_in(WEB.read_text(encoding="utf-8"))
    used = metrics_in("\n".join(expressions()))
    assert used <= documented, used - documented


def test_the_dashboard_is_one_that_grafana_takes_with_any_prometheus():
    assert DASHBOARD["schemaVersion"] >= 41
    variable = DASHBOARD["templating"]["list"][0]
    assert (variable["name"], variable["type"], variable["query"]) == (
        "datasource", "datasource", "prometheus",
    )  # fmt: skip
    for panel in panels():
        sources = [panel["datasource"], *(each["datasource"] for each in panel["targets"])]
        assert {each["uid"] for each in sources} == {"${datasource}"}, panel["title"]
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))


def test_no_panel_of_the_dashboard_covers_another():
    taken = {}
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert taken.setdefault((x, y), panel["title"]) == panel["title"]
