"""`spendwatch explain` on a real installation: files, a database, alerts and answers."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path

import numpy as np
import pytest

from alerts.model import Teaching, Verb, Verdict
from alerts.replies import Answer, answer
from detector.sources.base import Window
from spendwatch.db import writing
from spendwatch.ingest import pull
from tests.detector.test_explain import again
from tests.spendwatch.installations import CONFIG, FIRST, Installation

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden" / "explain"
HEAD = "date,tenant,feature,model,prompt_tokens,cached_tokens,completion_tokens"
DAYS = 45
LAST = FIRST + timedelta(days=DAYS - 1)
USE = {"chat": ("gpt-4o", 9e6), "search": ("gpt-4o-mini", 40e6), "report": ("gpt-4o", 3e6)}
ROBUST = CONFIG.replace('"classic"', '"robust"\nfirst_spend_usd = "off"')
ALIAS = '\n[[tenants]]\nid = "acme"\nname = "Acme Ltd"\naliases = ["acme-old"]\n'


class Office(Installation):
    """Three tenants with three features each; of one day something can be multiplied."""

    def __init__(self, folder, config=ROBUST, extra=ALIAS):
        super().__init__(folder, config, extra)
        self.times = {}
        self.names = {"acme": "acme", "bolt": "bolt", "corp": "corp"}

    def write(self, step):
        """Write a day; what was written before is replaced."""
        chance = np.random.default_rng(step)
        rows = []
        for tenant, name in self.names.items():
            for feature, (model, usual) in USE.items():
                times = self.times.get((tenant, feature, step), 1)
                prompt = round(usual * np.exp(chance.normal(0, 0.1)) * times)
                rows.append(f"{name},{feature},{model},{prompt},{prompt // 5},{prompt // 4}")
        self.write_day(FIRST + timedelta(days=step), rows, HEAD)

    def live(self, first=0, judged=(DAYS - 1,)):
        """Write all days and judge some."""
        for step in range(first, DAYS):
            self.write(step)
        for step in judged:
            self.judge(FIRST + timedelta(days=step))


@pytest.fixture
def office(tmp_path):
    return Office(tmp_path)


@pytest.fixture(scope="module")
def spiked(tmp_path_factory):
    """A-1: a feature of acme at nine times its use on the last day; only looked at."""
    office = Office(tmp_path_factory.mktemp("spiked"))
    office.times["acme", "report", DAYS - 1] = 9
    office.live()
    return office


def out(office, capsys, *arguments, code=0):
    capsys.readouterr()
    assert office.run("explain", *arguments) == code
    shown = capsys.readouterr()
    return shown.out if code == 0 else shown.err


def reads_as_reviewed(name, text):
    file = GOLDEN / name
    if os.environ.get("GOLDEN") == "write":
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")


def rounded(value):
    """Floats to six digits: what is reviewed is no processor's last bit."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {key: rounded(each) for key, each in value.items()}
    return [rounded(each) for each in value] if isinstance(value, list) else value


def shortened(facts):
    """Of each list of days the last two."""
    trials = [{**trial, "compared_usd": trial["compared_usd"][-2:]} for trial in facts["trials"]]
    return {**facts, "days": facts["days"][-2:], "trials": trials}


def trimmed(text):
    return "\n".join(line.rstrip() for line in text.splitlines()) + "\n"


def give(office, verdict, at, number=1, actor="alice"):
    teaching = Teaching(false_alarm_lasts=timedelta(days=30), false_alarm_factor=1.5)
    with writing(office.app().engine) as session:
        answer(session, number, Answer(Verb.DISMISS, actor, verdict), at, teaching)


def test_a_spike_is_explained_from_its_tokens_to_its_points(spiked, capsys):
    text = trimmed(out(spiked, capsys, "1"))
    reads_as_reviewed("robust.txt", text)
    page = (ROOT / "docs" / "detection.md").read_text(encoding="utf-8")
    assert text.rstrip() in page, "the example of the documentation"
    assert "bolt" not in text
    assert "corp" not in text


def test_the_same_for_programs_holds_every_number(spiked, capsys):
    facts = spiked.json(capsys, "explain", "A-1")
    reads_as_reviewed("robust.json", json.dumps(rounded(shortened(facts)), indent=1) + "\n")
    again(facts)
    assert facts["verdict"] == "told"
    assert facts["finding"]["score"] == pytest.approx(points(facts))
    assert not [name for name in ("bolt", "corp") if name in json.dumps(facts)]


def points(facts):
    trial = facts["trials"][0]
    return trial["start"] + sum(term["points"] for term in trial["terms"])


def test_the_chain_from_usage_to_cost_ends_at_the_ledgers_cost(spiked, capsys):
    facts = spiked.json(capsys, "explain", "1")
    for use in facts["use"]:
        made = sum(Decimal(each["rate"]) * each["tokens"] for each in use["meters"])
        assert int(made.to_integral_value(ROUND_HALF_EVEN)) == use["micro_usd"]
        rates = use["price"]["rates"]
        assert all(rates[each["meter"]] == each["rate"] for each in use["meters"])
    span = ("--from", LAST.isoformat(), "--to", LAST.isoformat())
    (ledger,) = spiked.json(capsys, "costs", "--tenant", "acme", *span)
    assert sum(use["micro_usd"] for use in facts["use"]) == ledger["micro_usd"]
    assert facts["actual_micro_usd"] == facts["days"][-1]["billed_micro_usd"] == ledger["micro_usd"]


def test_a_classic_spike_is_explained_by_its_z_score(tmp_path, capsys):
    office = Office(tmp_path, CONFIG)
    office.times["acme", "report", DAYS - 1] = 9
    office.live()
    text = trimmed(out(office, capsys, "1"))
    reads_as_reviewed("classic.txt", text)
    assert "z-score" in text
    again(office.json(capsys, "explain", "1"))


def test_a_silent_tenant_is_explained_too_by_the_newest_judged_day(spiked, capsys):
    text = trimmed(out(spiked, capsys, "--tenant", "bolt"))
    reads_as_reviewed("silent.txt", text)
    assert "it would have been told" in text
    assert "acme" not in text.casefold()


def test_any_day_of_the_ledger_can_be_explained_judged_or_not(spiked, capsys):
    before = FIRST + timedelta(days=40)
    found = spiked.json(capsys, "explain", "--tenant", "acme-old", "--day", before.isoformat())
    assert (found["tenant"], found["day"], found["alert"]) == ("acme", before.isoformat(), None)
    assert found["verdict"] == "below a floor"
    text = out(spiked, capsys, "1", "--day", before.isoformat())
    assert "is no day of A-1" in text


def test_what_an_answer_left_out_names_the_answer_and_who_gave_it(office, capsys):
    office.times["acme", "report", DAYS - 3] = 9
    office.times["acme", "chat", DAYS - 1] = 9
    office.live(judged=(DAYS - 3,))
    give(office, Verdict.EXPECTED, datetime(2026, 10, 14, 6, 10, tzinfo=UTC))
    office.judge(LAST)
    text = out(office, capsys, "--tenant", "acme", "--day", LAST.isoformat())
    assert "left out: 13 Oct dismissed as expected (A-1, alice on 14 Oct 06:10 UTC)" in text
    facts = office.json(capsys, "explain", "--tenant", "acme", "--day", LAST.isoformat())
    assert [(each["alert"], each["actor"]) for each in facts["answers"]] == [(1, "alice")]
    assert not [day for day in facts["days"] if day["day"] == "2026-10-13" and day["used"]]


def test_a_raised_floor_is_what_kept_it_silent(office, capsys):
    office.times["acme", "report", DAYS - 3] = 30
    office.times["acme", "report", DAYS - 1] = 9
    office.live(judged=(DAYS - 3,))
    at = datetime(2026, 10, 14, 6, 10, tzinfo=UTC)
    give(office, Verdict.FALSE_ALARM, at, actor="bob")
    office.judge(LAST)
    text = out(office, capsys, "--tenant", "acme")
    assert "floor raised to $" in text
    assert "(A-1, bob on 14 Oct 06:10 UTC)" in text
    assert "without the floor that an answer raised (dismissed as a false alarm)" in text


def test_a_day_that_was_revised_says_what_was_told_of_it(office, capsys):
    office.times["acme", "report", DAYS - 1] = 9
    office.live()
    office.times.clear()
    office.write(DAYS - 1)
    app = office.app()
    for source in app.usage_sources():
        pull(app, source, Window(LAST, LAST))
    text = out(office, capsys, "1")
    assert "silent" in text.splitlines()[0]
    assert "A-1 tells of $193 on Thu 15 Oct" in text
    assert "A-1 was told of this day; by the data, the answers and the settings of now" in text
    assert "revised 16 Oct 06:00 UTC" in text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "say what to explain: an alert"),
        (("1", "--tenant", "acme"), "say what to explain: an alert"),
        (("9",), "there is no alert A-9"),
        (("--tenant", "acm"), "no tenant is known as 'acm'; did you mean acme?"),
        (("--tenant", "acme", "--day", "2027-01-01"),
         "2027-01-01 is not judged yet; the newest that was is 2026-10-15"),
        (("--tenant", "acme", "--day", "2026-08-01"), "there is no data of 2026-08-01"),
    ],
)  # fmt: skip
def test_what_cannot_be_explained_is_refused_with_what_can(spiked, capsys, arguments, words):
    assert words in out(spiked, capsys, *arguments, code=2)


def test_before_anything_was_judged_there_is_nothing_to_explain(office, capsys):
    assert "no day was judged yet" in out(office, capsys, "--tenant", "acme", code=2)
    words = out(office, capsys, "--tenant", "acme", "--day", "2026-09-01", code=2)
    assert "2026-09-01 is not judged yet; none was so far" in words


def test_an_alert_without_a_baseline_is_shown_instead(office, capsys):
    office.names["corp"] = ""
    office.live(first=DAYS - 20)
    words = out(office, capsys, "1", code=2)
    assert "A-1 (attribution gap) rests on no baseline" in words
    assert "spendwatch alerts show 1" in words


def test_a_spike_that_an_attribution_gap_tells_already_says_so(office, capsys):
    office.names = {"acme": "acme", "bolt": "bolt", "corp": ""}
    for feature in USE:
        for step in range(DAYS - 1):
            office.times["corp", feature, step] = 0.01
    office.live()
    text = out(office, capsys, "--tenant", "unattributed")
    assert "not judged, the attribution gap of the day tells it already" in text
