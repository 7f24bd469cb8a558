"""What a message says of a day that many signs made abnormal."""

from __future__ import annotations

from alerts.kind_words import words_of
from detector.model import Baseline
from tests.builders import spike

BASELINE = Baseline(61, 28, 300_000_000, 9_000_000, 280_000_000, 320_000_000)
SIGNS = {
    "feature": "search",
    "bar": 0.5,
    "sign_1": "its share of the tenant 9.9 sd over the usual",
    "sign_2": "$812 more than usual",
    "usable_days": 28,
}


def lines(**facts):
    finding = spike(rule="volume", score=2.25, facts=facts, baseline=BASELINE)
    found = words_of(finding, {})
    return {line.label: line.text for line in found.lines}


def test_the_feature_and_its_signs_are_one_line_and_points_are_counted_from_the_bar():
    told = lines(**SIGNS)
    assert told["Signs"] == (
        "search: its share of the tenant 9.9 sd over the usual; $812 more than usual"
    )
    assert told["Against"].endswith("; rule: volume, 1.8 points above the bar")


def test_a_feature_without_a_name_and_hostile_ones_are_inert():
    assert lines(**SIGNS | {"feature": ""})["Signs"].startswith("all of it: ")
    told = lines(**SIGNS | {"feature": "\x1b[31m<!channel>\n" + "x" * 900})["Signs"]
    assert not any(char in told for char in "\x1b\n")


def test_where_a_single_number_decided_there_are_no_signs():
    assert "Signs" not in lines(z_bar=3.0)
