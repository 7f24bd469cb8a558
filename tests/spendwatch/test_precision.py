"""`spendwatch precision`: what alerts came to, and what their answers speak for."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from alerts.model import Verb, Verdict
from detector.model import FindingKind
from spendwatch.db import reading
from spendwatch.judging import assess, judge
from spendwatch.setting_places import Place
from tests.builders import budget, spike
from tests.spendwatch.installations import Installation
from tests.spendwatch.taught import SPIKE, Company, day
from tests.spendwatch.test_answering import ACME, BERLIN, answered, days_ago, out, take
from tests.spendwatch.test_setting_places import paste

NOISE = (84, 88, 92)
REAL = 96
RISES = {84: 2.2, 88: 2.4, 92: 3.2, REAL: 5}
"""Steps at which search costs so many times as much; the last is the only true incident."""


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    """Days judged with a low bar, every alert of acme told; nobody has answered."""
    folder = tmp_path_factory.mktemp("watched")
    rises = {(step, "acme", "search"): times for step, times in RISES.items()}
    company = Company(folder, times=rises)
    text = company.config.read_text(encoding="utf-8")
    company.config.write_text(
        text.replace('"robust"\n', '"robust"\nbar = -3.0\n'), encoding="utf-8"
    )
    for step in range(REAL + 3):
        company.write(step)
    company.now += timedelta(days=REAL + 3)
    company.pull(0, REAL + 2)
    for step in range(SPIKE + 5, REAL + 3):
        judge(company.app(), day(step))
    return company


@pytest.fixture
def company(watched, tmp_path):
    """The same, answered: three times noise, once real."""
    company = watched.twin(tmp_path / "company")
    numbers = {alert.days[0]: alert.number for alert in company.alerts() if alert.tenant == "acme"}
    for step in (*NOISE, REAL):
        verdict = Verdict.REAL if step == REAL else Verdict.FALSE_ALARM
        company.answer(numbers[day(step)], Verb.DISMISS, verdict)
    return company


def measured(company, capsys, *options):
    return company.json(capsys, "precision", "--since", str(day(0)), *options)


def found_again(company):
    """By the settings as they are, the steps on which acme is found."""
    app = company.app()
    with reading(app.engine) as session:
        return [
            step
            for step in range(SPIKE + 5, REAL + 3)
            if "acme" in {found.tenant for found in assess(app, session, day(step)).findings}
        ]


def test_what_is_suggested_has_the_stated_effect_once_it_is_pasted(company, capsys):
    (suggestion,) = measured(company, capsys, "--tenant", "acme")["suggestions"]
    assert (suggestion["tenant"], suggestion["setting"]) == ("acme", "bar")
    assert (suggestion["noise"], suggestion["real_kept"]) == (3, 1)
    assert found_again(company) == [*NOISE, REAL]
    text = company.config.read_text(encoding="utf-8")
    place = Place(tuple(suggestion["lines"]), suggestion["line"] or 0, suggestion["replaces"])
    company.config.write_text(paste(text, place), encoding="utf-8")
    assert found_again(company) == [REAL]
    after = measured(company, capsys, "--tenant", "acme")
    assert after["suggestions"] == [], "it is in force by now"
    assert after["total"]["false_alarm"] == 3


def test_it_says_what_every_alert_came_to_and_changes_nothing(company, capsys):
    before = company.alerts(), company.config.read_bytes()
    assert company.run("precision", "--since", str(day(0)), "--tenant", "acme") == 0
    printed = out(capsys)
    row = next(line for line in printed.splitlines() if line.startswith("acme"))
    assert row.split()[:4] == ["acme", "spend", "spike", "robust"]
    assert "0.25 (0.05-0.70)" in row
    assert "too little to go by, 4 answers: the interval is 0.05 to 0.70" in printed
    assert re.search(
        r"- with bar -2.0, not -3, acme would have had 3 pages fewer, all answered as noise "
        r"\(A-\d+, A-\d+, A-\d+\); 1 page answered as real would still be told\n"
        r"  at the end of config.toml:\n\n"
        r"      \[\[tenants\]\]\n      id = \"acme\"\n      detection = \{ bar = -2.0 \}\n",
        printed,
    )
    assert "bolt" not in printed
    assert (company.alerts(), company.config.read_bytes()) == before


def test_dollars_caught_are_those_of_what_was_real(company, capsys):
    (row,) = measured(company, capsys, "--tenant", "acme")["rows"]
    (real,) = [alert for alert in company.alerts() if alert.days[0] == day(REAL)
               and alert.tenant == "acme"]  # fmt: skip
    assert row["caught_micro_usd"] == real.abnormal[0].excess_micro_usd > 50_000_000


# Of alerts that were taken in by hand


@pytest.fixture
def place(tmp_path):
    """An installation with three alerts of two kinds: A-1 of Acme Ltd."""
    place = Installation(tmp_path, BERLIN, ACME)
    robust = {"method": "robust"}
    take(
        place,
        spike(days_ago(1), actual=380, expected=0, facts=robust),
        spike(days_ago(1), tenant="bolt"),
        budget(day=days_ago(1)),
    )
    return place


def test_each_group_has_its_row_and_all_together_a_last_one(place, capsys):
    facts = place.json(capsys, "precision")
    assert [(row["tenant"], row["kind"], row["method"]) for row in facts["rows"]] == [
        ("acme", FindingKind.BUDGET_THRESHOLD, ""),
        ("acme", FindingKind.SPEND_SPIKE, "robust"),
        ("bolt", FindingKind.SPEND_SPIKE, ""),
    ]
    assert facts["total"] == {
        "told": 3, "answered": 0, "real": 0, "expected": 0, "new_normal": 0, "false_alarm": 0,
        "data_error": 0, "without_verdict": 0, "unanswered": 3, "precision": None,
        "interval": None, "answered_in_s": None, "caught_micro_usd": 0,
    }  # fmt: skip
    by_kind = place.json(capsys, "precision", "--by", "kind")
    assert [(row["kind"], row["told"]) for row in by_kind["rows"]] == [
        ("spend spike", 2), ("budget threshold", 1),
    ]  # fmt: skip


def test_an_answer_moves_from_one_column_to_another_and_an_undo_back(place, capsys):
    at = place.json(capsys, "precision")["total"]
    assert at["unanswered"] == 3
    place.run("alerts", "ack", "1")
    acknowledged = place.json(capsys, "precision")["total"]
    assert (acknowledged["answered"], acknowledged["without_verdict"]) == (1, 1)
    place.run("alerts", "dismiss", "1", "--verdict", "real")
    real = place.json(capsys, "precision")
    assert (real["total"]["real"], real["total"]["without_verdict"]) == (1, 0)
    assert real["total"]["precision"] == 1.0
    assert real["total"]["caught_micro_usd"] == 380_000_000
    place.run("alerts", "undo", "1")
    assert place.json(capsys, "precision")["total"] == acknowledged


def test_the_time_to_answer_is_told(place, capsys):
    answered(place, Verb.ACKNOWLEDGE, days_ago_at(place))
    assert place.run("precision", "--by", "tenant") == 0
    printed = out(capsys)
    assert "3 h 20 min" in printed
    assert "1 alert acknowledged or snoozed without a verdict: counted neither way" in printed
    assert "no answer calls an alert real or noise yet" in printed
    assert "nothing to suggest: 0 alerts answered as noise, and it takes 2" in printed


def days_ago_at(place):
    """Three hours and twenty minutes after it was told."""
    from tests.spendwatch.test_answering import NOW

    return NOW - timedelta(hours=1) + timedelta(hours=3, minutes=20)


def test_where_no_setting_would_have_helped_it_says_so(place, capsys):
    for number in ("1", "2"):
        place.run("alerts", "dismiss", number, "--verdict", "false_alarm")
    capsys.readouterr()
    assert place.run("precision") == 0
    assert "no setting would have spared 2 alerts of one tenant" in out(capsys)


def test_without_an_alert_there_is_a_row_of_zeros(tmp_path, capsys):
    empty = Installation(tmp_path, BERLIN, ACME)
    assert empty.run("precision") == 0
    assert "total" in out(capsys)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--by", "colour"], "--by knows tenant, kind, method; not colour"),
        (["--by", ""], "--by knows tenant, kind, method; not nothing"),
        (["--tenant", "acmee"], "no tenant is known as 'acmee'; did you mean acme?"),
        (["--tenant", ""], "--tenant says nothing"),
        (["--since", "soon"], "'soon' is no day"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_words(place, capsys, options, words):
    assert place.run("precision", *options) == 2
    assert words in out(capsys)
