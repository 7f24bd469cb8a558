"""`spendwatch backtest` over the ledger of an installation: settings, answers, plans, aliases."""

from __future__ import annotations

import re
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, date, datetime, time, timedelta

import pytest
from sqlalchemy import delete

from alerts.announcements import add_planned_event
from alerts.holds import PlannedEvent
from alerts.model import Teaching, Verb, Verdict
from alerts.replies import Answer, answer
from detector.backtest import replay
from detector.detect import SPEND_KINDS
from detector.model import MICRO
from detector.tables import JUDGED_DAY
from spendwatch import cli
from spendwatch.commands.replay_ledger import open_ledger
from spendwatch.db import reading, writing
from spendwatch.exits import run_reporting_errors
from spendwatch.judging import assess
from tests.spendwatch.installations import CONFIG, Installation

FIRST = date(2025, 9, 1)
ONE = timedelta(days=1)
SPIKE, LATER = FIRST + 31 * ONE, FIRST + 37 * ONE
"""Nine times the usual, and twice: the second is hidden as long as the first is in the baseline."""
LAST = FIRST + 39 * ONE
SETTINGS = '[[tenants]]\nid = "acme"\nname = "Acme Corp"\naliases = ["acme-old"]\n'


def morning(day, hours=6):
    return datetime.combine(day + ONE, time(hours), UTC)


class Place(Installation):
    """An installation with forty days of two tenants, one of them under two names."""

    def write_past(self):
        for step in range(40):
            day = FIRST + step * ONE
            cost = {SPIKE: 900, LATER: 200}.get(day, 100 + step % 3)
            name = "acme-old" if step < 10 else "acme"
            rows = [f"{name},chat,gpt-4o,{cost}", f"bolt,chat,gpt-4o,{60 + step % 5}"]
            self.write_day(day, rows)

    def live(self, day):
        self.now = morning(day)
        self.judge(day)

    def give(self, verdict, at, number=1):
        given = Answer(Verb.DISMISS, "alice", verdict)
        with writing(self.app().engine) as session:
            answer(session, number, given, at, Teaching())


@pytest.fixture(scope="module")
def lived(tmp_path_factory):
    """A folder in which both spikes were judged; nobody answered, so that one alert was told."""
    place = Place(tmp_path_factory.mktemp("lived"), extra=SETTINGS)
    place.write_past()
    place.live(SPIKE)
    place.live(LAST)
    return place.folder


@pytest.fixture
def place(lived, tmp_path):
    """A copy of it of one's own."""
    folder = tmp_path / "place"
    shutil.copytree(lived, folder)
    return Place(folder, extra=SETTINGS)


def pages(place, capsys, *words):
    """The days that would have been told, by the command."""
    out = place.folder / "alerts.csv"
    found = place.json(capsys, "backtest", "--out", str(out), *words)
    rows = [line.split(",") for line in out.read_text(encoding="utf-8").splitlines()[1:]]
    assert len(rows) == found["alert_days"]
    return [(row[0], row[1]) for row in rows]


BOTH = [("acme", str(SPIKE)), ("acme", str(LATER))]


def test_the_ledger_is_replayed_with_its_own_settings_and_aliases(place, capsys):
    place.give(Verdict.EXPECTED, morning(SPIKE))
    assert pages(place, capsys) == BOTH
    found = place.json(capsys, "backtest")
    assert (found["name"], found["tenants"]) == ("classic", 2)
    assert (found["first_day"], found["last_day"]) == (str(SPIKE), str(LAST))


@pytest.mark.parametrize(("seconds", "found"), [(0, BOTH), (1, BOTH[:1])])
def test_an_answer_counts_for_the_days_that_were_settled_after_it(place, capsys, seconds, found):
    given_at = place.app().settled_at(LATER) + timedelta(seconds=seconds)
    place.give(Verdict.REAL, given_at)
    assert pages(place, capsys) == found
    assert pages(place, capsys, "--answers", "then") == found
    assert pages(place, capsys, "--answers", "now") == BOTH
    assert pages(place, capsys, "--answers", "off") == BOTH[:1]


def test_an_answer_that_was_undone_later_counts_until_then(place, capsys):
    place.give(Verdict.EXPECTED, morning(SPIKE))
    undone_at = place.app().settled_at(LATER) + timedelta(seconds=1)
    with writing(place.app().engine) as session:
        answer(session, 1, Answer(Verb.UNDO, "alice"), undone_at, Teaching())
    assert pages(place, capsys) == BOTH
    assert pages(place, capsys, "--answers", "now") == BOTH[:1]


@pytest.mark.parametrize("method", ["classic", "robust"])
def test_a_day_is_replayed_as_the_service_judges_it(place, method):
    place.give(Verdict.EXPECTED, morning(SPIKE))
    config = CONFIG.replace('"classic"', f'"{method}"')
    place.config.write_text(config + SETTINGS, encoding="utf-8")
    app = place.app()
    with reading(app.engine) as session:
        judged = [assess(app, session, FIRST + step * ONE) for step in range(30, 40)]
    with open_ledger(place.config, "now") as past:
        history = past.read(FIRST - 99 * ONE, LAST)
        days = {"first": FIRST + 30 * ONE, "last": LAST}
        replayed = list(replay(history, past.book, **days, judge=past.judge))
    assert [(each.day, spend(each), each.unjudged) for each in replayed] == [
        (each.day, spend(each), each.unjudged) for each in judged
    ]
    assert any(map(spend, judged))


def test_what_is_set_stands_above_the_settings_of_every_tenant(place, capsys):
    place.give(Verdict.EXPECTED, morning(SPIKE))
    own = SETTINGS + "[tenants.detection]\nmin_excess_usd = 500\n"
    place.config.write_text(CONFIG + own, encoding="utf-8")
    assert pages(place, capsys) == BOTH[:1]
    assert pages(place, capsys, "--set", "min_excess_usd=5") == BOTH
    assert pages(place, capsys, "--set", "min_excess_usd=5000") == []


def test_two_sides_are_compared_on_top_of_the_settings(place, capsys):
    config = CONFIG.replace("[detection]", "[detection]\nmin_excess_usd = 5000")
    place.config.write_text(config + SETTINGS, encoding="utf-8")
    words = ("backtest", "--compare", "classic", "classic,min_excess_usd=5")
    found = place.json(capsys, *words)
    assert [(each["name"], each["pages"]) for each in found["compared"]] == [
        ("classic", 0), ("classic, min_excess_usd=5", 1),
    ]  # fmt: skip


@pytest.mark.parametrize(("ceiling", "told"), [(900, 0), (899, 1)])
def test_what_a_plan_allows_is_no_page_though_it_alerts(place, capsys, ceiling, told):
    plan = PlannedEvent("", "acme-old", SPIKE, SPIKE, ceiling * MICRO, "migration", "alice")
    with writing(place.app().engine) as session:
        add_planned_event(session, plan, morning(FIRST))
    found = place.json(capsys, "backtest", "--to", str(SPIKE))
    assert (found["alert_days"], found["pages"]) == (1, told)
    # The day stays out of the baseline, so that the next one is found.
    assert pages(place, capsys, "--answers", "off") == BOTH


def test_pages_are_counted_by_how_their_alerts_were_answered(place, capsys):
    place.give(Verdict.REAL, morning(SPIKE))
    assert place.json(capsys, "backtest")["answers"] == [
        {"answer": "real", "pages": 1, "alerts": 1, "found": 1},
        {"answer": "no alert", "pages": 1, "alerts": 0, "found": 0},
    ]
    missed = place.json(capsys, "backtest", "--set", "z=500")["answers"]
    assert missed == [{"answer": "real", "pages": 0, "alerts": 1, "found": 0}]


def test_the_table_of_answers_stands_below_its_side(place, capsys):
    place.give(Verdict.FALSE_ALARM, morning(SPIKE))
    assert place.run("backtest", "--compare", "classic", "classic,z=500") == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    rows = [line[-4:] for line in lines if line[:2] == ["false", "alarm"]]
    assert rows == [["alarm", "1", "1", "1"], ["alarm", "0", "1", "0"]]


def test_a_gate_knows_tenants_by_their_aliases(place, capsys):
    wanted = place.folder / "incidents.csv"
    wanted.write_text(f"tenant,start,end\nACME-old,{SPIKE},{SPIKE}\n", encoding="utf-8")
    assert place.run("backtest", "--gate", f"must-find={wanted}") == 0
    assert place.run("backtest", "--gate", f"must-find={wanted}", "--set", "z=500") == 1
    assert "gate: not found: acme-old" in capsys.readouterr().out


def test_tenants_are_called_by_their_names(place, capsys):
    assert place.run("backtest") == 0
    said = capsys.readouterr().out
    assert "Acme Corp" in said
    assert "acme-old" not in said


def test_the_page_shows_answers_names_and_the_days_they_leave_out(place):
    place.give(Verdict.REAL, morning(SPIKE))
    target = place.folder / "page.html"
    assert place.run("backtest", "--html", str(target)) == 0
    shown = target.read_text(encoding="utf-8")
    assert "<bdi>Acme Corp</bdi>" in shown
    assert "acme-old" not in shown
    assert re.findall(r'<td data-label="Answer">(.*?)</td>', shown) == ["real", "no alert"]
    (later,) = re.findall(r'aria-label="([^"]*on Wed 8 Oct[^"]*)"', shown)
    assert "alerting: 8 Oct; left out: 2 Oct." in later
    assert "heeds the answers that were given before it was settled" in shown
    assert re.search(r'scope="row">real</th><td class="number">1</td>', shown)


def test_the_history_that_a_first_day_needs_is_read_though_it_lies_before_it(place, capsys):
    found = place.json(capsys, "backtest", "--from", str(LATER), "--to", str(LATER))
    assert (found["first_day"], found["alert_days"]) == (str(LATER), 0)
    place.give(Verdict.REAL, morning(SPIKE))
    assert pages(place, capsys, "--from", str(LATER), "--to", str(LATER)) == BOTH[1:]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--answers", "maybe"), "--answers knows then, now, off; not 'maybe'"),
        (("--from", "2024-01-01"), "--from 2024-01-01: the ledger begins on 2025-09-02"),
        (("--to", "2026-01-01"), "--to 2026-01-01: the ledger ends on 2025-10-10"),
        (("--from", "2025-10-09", "--to", "2025-10-08"), "the first judged day is 2025-10-09"),
        (("--to", "2025-09-09"), "--from judges sooner"),
        (("--reprice",), "--column and --reprice are about a file: name one with --usage"),
        (("--column", "a=b"), "--column and --reprice are about a file"),
        (("--compare", "classic", "classic"), "--compare: both sides are classic"),
        (("--method", "magic"), "--method knows classic, robust; not 'magic'"),
        (("--usage", "usage.csv"), "--usage replays a file, without settings: leave out --config"),
        (("--html", "nowhere/page.html"), "--html nowhere/page.html: there is no folder nowhere"),
        (("--out", "nowhere/a.csv"), "--out nowhere/a.csv: there is no folder nowhere"),
        (("--html", "."), "--html . is a folder: name a file in it"),
    ],
)
def test_what_cannot_be_replayed_is_refused_in_plain_words(place, capsys, words, said):
    assert place.run("backtest", *words) == 2
    assert said in capsys.readouterr().err


def test_a_ledger_without_data_says_how_to_fill_it(tmp_path, capsys):
    place = Place(tmp_path)
    assert place.run("backtest") == 1
    assert "nothing has run yet" in capsys.readouterr().err
    place.app()
    assert place.run("backtest") == 1
    assert "the ledger holds no day that is over: `spendwatch backfill`" in capsys.readouterr().err


def test_without_settings_a_file_is_asked_for(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run_reporting_errors(cli.app, ["backtest"]) == 2
    said = capsys.readouterr().err
    assert "there is no config.toml" in said
    assert "--usage" in said


def test_answers_are_none_of_a_files_business(tmp_path, capsys):
    words = ["backtest", "--usage", str(tmp_path), "--answers", "now"]
    assert run_reporting_errors(cli.app, words) == 2
    assert "--answers is about those in the ledger" in capsys.readouterr().err


def test_settings_of_the_environment_are_not_in_the_way_of_a_file(place, capsys, monkeypatch):
    monkeypatch.setenv("SPENDWATCH_CONFIG", str(place.config))
    words = ["backtest", "--usage", str(place.usage), "--method", "classic"]
    assert run_reporting_errors(cli.app, words) == 0
    assert "3 tenants" in capsys.readouterr().out


def test_nothing_is_written_and_a_service_that_writes_is_not_in_the_way(place):
    file = place.folder / "spendwatch.db"
    engine = place.app().engine
    before = dump(file)
    with writing(engine) as session:
        session.connection().execute(delete(JUDGED_DAY))
        assert place.run("backtest") == 0
        session.rollback()
    assert dump(file) == before


def dump(file):
    with closing(sqlite3.connect(file)) as database:
        return list(database.iterdump())


def spend(judgement):
    return [each for each in judgement.findings if each.kind in SPEND_KINDS]
