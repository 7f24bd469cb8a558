"""Silences and planned events as they are typed in Slack."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest

from spendwatch.app import build_app
from spendwatch.db import DatabaseError
from spendwatch.settings import load_settings
from spendwatch.slack.allowing import Allowed
from spendwatch.slack.commands import typed
from tests.spendwatch.slack.conftest import CHIEF, HOSTILE, OWNER, Groups

PLAN = "planned acme 2026-11-28..2026-11-30"
COMMENT = "load test"


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("silence acme 4h", ("acme", None, None, "07T10:00:01")),
        ("silence acme-prod for 2d", ("acme", None, None, "09T06:00:01")),
        ('silence "Acme Works" until 18:00', ("acme", None, None, "07T18:00:00")),
        ("SILENCE “acme works” 1w", ("acme", None, None, "14T06:00:01")),
        ("silence acme until 2026-09-08", ("acme", None, None, "08T00:00:00")),
        ("silence acme until 2026-09-08 9:30", ("acme", None, None, "08T09:30:00")),
        ("silence acme until 2026-09-08 19:30", ("acme", None, None, "08T19:30:00")),
        ("silence acme until 2026-09-08T09:30+02:00", ("acme", None, None, "08T07:30:00")),
        (
            "silence acme,kind=spend-spike,severity=warning 30m",
            ("acme", "spend spike", "warning", "07T06:30:01"),
        ),
        ('silence acme,KIND="spend spike" 30m', ("acme", "spend spike", None, "07T06:30:01")),
        ("silence severity=notice 4h", ("", None, "notice", "07T10:00:01")),
        ("silence ,kind=spend-drop 4h", ("", "spend drop", None, "07T10:00:01")),
        ("silence acme* 4h", ("acme*", None, None, "07T10:00:01")),
        ("silence brand-new 4h", ("brand-new", None, None, "07T10:00:01")),
    ],
)
def test_a_silence_is_stored_as_the_command_line_would_and_listed_there(
    place, capsys, text, stored
):
    said = place.type(f"{text} {COMMENT}").splitlines()
    assert said[-1].startswith("S-1 silences ")
    assert said[-1].endswith("; before that: /spendwatch silence end 1")
    (listed,) = place.listed(capsys, "silence")
    found = (listed["tenant"], listed["kind"], listed["severity"], listed["until"][8:19])
    assert found == stored
    assert (listed["author"], listed["comment"]) == (CHIEF.actor, COMMENT)


def test_what_it_would_have_held_back_is_said_first(place):
    place.tell("acme", "bolt")
    said = place.type("silence acme,kind=spend-spike 4h load test").splitlines()
    assert said[0].startswith("would have held back 1 of ")
    assert said[1] == "  newest: A-3 spend spike acme"
    assert place.type("silence new-one 4h load test").splitlines()[-2] == (
        "no tenant is known as new-one so far"
    )


@pytest.mark.parametrize("text", ["silence preview acme 4h x", f"planned preview{PLAN[7:]} 5 x"])
def test_a_preview_stores_nothing(place, capsys, text):
    assert "only a preview, nothing was stored: " in place.type(text)
    assert place.listed(capsys, "silence") == place.listed(capsys, "planned") == []


def test_an_owner_announces_lists_and_ends_for_their_tenant(place, capsys):
    place.type("silence acme 4h load test", OWNER)
    place.type(f"{PLAN} $500 load test", OWNER)
    (silence,), (plan,) = place.listed(capsys, "silence"), place.listed(capsys, "planned")
    assert silence["author"] == plan["author"] == "ownbad<!channel>er (U0OWN)"
    assert place.type("silence list", OWNER).startswith("S-1: alerts of acme until ")
    assert place.type("silence end S-1", OWNER).startswith(
        "S-1 ended by ownbad<!channel>er (U0OWN)"
    )
    assert place.type("planned end P-1", OWNER).startswith("P-1 taken back by ")
    assert place.listed(capsys, "silence")[0]["ended_by"] == "ownbad<!channel>er (U0OWN)"
    assert place.listed(capsys, "planned")[0]["ended_by"] == "ownbad<!channel>er (U0OWN)"
    assert place.type("silence list", OWNER) == (
        "no silence lasts; /spendwatch silence list all shows past ones"
    )
    assert place.type("planned list", OWNER) == (
        "nothing is planned; /spendwatch planned list all shows past ones"
    )
    assert "(ended by ownbad" in place.type("silence list --all", OWNER)
    assert "(taken back by ownbad" in place.type("planned list all", OWNER)
    assert place.type("silence end S-1", OWNER).startswith("S-1 is over since")
    assert place.type("planned end 1", OWNER).startswith("P-1 was ended already, by ")


def test_what_is_not_theirs_is_ended_as_if_there_were_none(place, capsys):
    for text in ("silence bolt 4h x", "silence b* 4h x", "silence kind=spend-spike 4h x"):
        place.type(text)
    place.type("planned bolt 2026-12-01 $5 x")
    refused = "there is no silence S-{0}; `/spendwatch silence list all` shows them\nlike: {1}"
    for number in (1, 2, 3, 99):
        said = place.type(f"silence end S-{number}", OWNER)
        assert said == refused.format(number, "/spendwatch silence end S-3")
    for number in (1, 99):
        said = place.type(f"planned end P-{number}", OWNER).splitlines()[0]
        assert said == (
            f"there is no planned event P-{number}; `/spendwatch planned list all` shows them"
        )
    assert {each["state"] for each in place.listed(capsys, "silence")} <= {"in force", "expired"}
    assert [each["ended_by"] for each in place.listed(capsys, "silence")] == ["", "", ""]
    assert [each["ended_by"] for each in place.listed(capsys, "planned")] == [""]
    assert place.type("silence end S-1").startswith("S-1 ended by ana (U0ANA)")


def test_a_silence_stored_for_an_alias_is_ended_by_the_owner_of_its_tenant(place):
    config = place.place.config
    settings = config.read_text()
    config.write_text(settings.replace('aliases = ["acme-prod"]', ""))
    place.type("silence acme-prod 4h x")
    config.write_text(settings)
    assert place.type("silence end S-1", OWNER).startswith("S-1 ended by ")


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        (f"{PLAN} $500 load test", ("2026-11-28", "2026-11-30", 500_000_000)),
        ("planned ACME 2026-11-28 12.50 load test", ("2026-11-28", "2026-11-28", 12_500_000)),
        ('planned "acme works" 2026-9-7 $1 load test', ("2026-09-07", "2026-09-07", 1_000_000)),
    ],
)
def test_a_plan_is_stored_as_the_command_line_would_and_listed_there(place, capsys, text, stored):
    assert place.type(text).splitlines()[-1].startswith("P-1: up to $")
    (listed,) = place.listed(capsys, "planned")
    assert (listed["first_day"], listed["last_day"], listed["ceiling_micro_usd"]) == stored
    assert (listed["tenant"], listed["author"], listed["comment"]) == ("acme", CHIEF.actor, COMMENT)
    assert place.type("planned list").startswith("P-1: up to $")
    assert "P-1 covers some of these days too" in place.type(text)


SILENCED = "like: /spendwatch silence contoso 4h load test"
PLANNED = "like: /spendwatch planned contoso 2026-11-28..2026-11-30 $500 migration"


@pytest.mark.parametrize(
    ("text", "words", "form"),
    [
        ("silence", "say when it ends: either until 2026-09-07T18:00 or for 4h", SILENCED),
        ("silence acme", "say when it ends: either until 2026-09-07T18:00 or for 4h", SILENCED),
        ("silence acme until", "say when it ends", SILENCED),
        ("silence acme 4h", "say why", SILENCED),
        ("silence acme 4h \u200b", "say why", SILENCED),
        ("silence acme soon x", "'soon' is no length of time; write it like 30m", SILENCED),
        ("silence acme until soon x", "'soon' is no moment", SILENCED),
        ("silence acme until 2026-01-01 x", "until 2026-01-01 is over", SILENCED),
        ("silence acme 91d x", "at most 90 days from now", SILENCED),
        ("silence acme 4h " + "x" * 201, "has 201 characters; at most 200 are kept", SILENCED),
        ("silence acme,kind=spike 4h x", "kind must be one of spend spike", SILENCED),
        ("silence acme,severity=grave 4h x", "severity must be one of critical", SILENCED),
        ("silence acme,feature=chat 4h x", "'feature=chat' behind a comma is neither", SILENCED),
        ("silence acme,kind=,x 4h x", "'kind=' behind a comma is neither kind=...", SILENCED),
        ("silence a,kind=spend-drop,kind=spend-spike 4h x", "each once", SILENCED),
        ('silence "" 4h x', "names a tenant, a kind or a severity", SILENCED),
        ("silence \u200b 4h x", "must have a visible character", SILENCED),
        ("silence end", "'' is no silence's number; `/spendwatch silence list` shows", "S-3"),
        ("silence end settings", "'settings' is no silence's number", "S-3"),
        ("silence end S-0", "'S-0' is no silence's number", "S-3"),
        ("planned", "say who will spend, on which days, and up to how much a day", PLANNED),
        ("planned acme 2026-11-28", "say who will spend, on which days", PLANNED),
        (f"{PLAN} $500", "say why", PLANNED),
        (f"{PLAN} much x", "ceiling must be an amount such as 250 or 12.50, not 'much'", PLANNED),
        (f"{PLAN} $0 x", "ceiling must be above 0", PLANNED),
        ("planned acme tomorrow $5 x", "'tomorrow' is no day; write it like", PLANNED),
        ("planned acme 2026-11-28.. $5 x", "'' is no day", PLANNED),
        ("planned acme 2026-11-28..2026-11-01 $5 x", "is before the first", PLANNED),
        ("planned acme 2026-01-01 $5 x", "is over: answer its alert with", PLANNED),
        ("planned acme* 2026-11-28 $5 x", "a planned event is for one tenant", PLANNED),
        ("planned end 0", "'0' is no planned event's number; `/spendwatch planned list`", "P-2"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_right_form(place, capsys, text, words, form):
    problem, like = place.type(text).splitlines()
    assert words in problem
    assert "--" not in problem.replace("--verdict", "").replace("--note", "")
    assert like.endswith(form)
    assert place.listed(capsys, "silence") == place.listed(capsys, "planned") == []


@pytest.mark.parametrize("target", ["acme*", "*", "kind=spend-spike", ",severity=notice", '""'])
def test_only_who_answers_everything_silences_more_than_their_own(place, capsys, target):
    said = place.type(f"silence {target} 4h x", OWNER)
    assert said.startswith("a silence for more tenants than yours is for whoever may answer")
    assert place.listed(capsys, "silence") == []


def test_names_and_comments_are_inert(place, capsys):
    said = place.type(f"silence acme 4h a\x1b[31mb &lt;{HOSTILE}&gt; &amp;amp;")
    (listed,) = place.listed(capsys, "silence")
    assert listed["comment"] == "ab <bad<!channel>> &amp;"
    for text in ("silence list", "tenant acme", "alerts", f"tenant {HOSTILE}Evil", "status"):
        said = place.type(text)
        assert all(char.isprintable() for line in said.splitlines() for char in line), text


def test_a_name_that_nobody_can_read_is_no_other_command(place, capsys):
    place.type('silence "list" 4h x')
    place.type("silence tenant,kind=spend-spike 4h x")
    assert [each["tenant"] for each in place.listed(capsys, "silence")] == ["list", "tenant"]


LONG = ("“" * 3_000, '"' * 3_001, "silence " + "a," * 1_500, "tenant " + "x" * 3_000,
        "silence " + '"' * 2_999, "planned " + "..” " * 700)  # fmt: skip


@pytest.mark.parametrize("text", LONG)
def test_whatever_is_typed_is_answered_at_once(place, text):
    assert place.type(text)
    assert place.type(text, OWNER)


def test_silences_end_by_themselves(place):
    place.type("silence acme 30m x")
    place.place.now += timedelta(hours=1)
    assert place.type("silence list", OWNER).startswith("no silence lasts")
    assert "(expired, by ana (U0ANA): x)" in place.type("silence list all", OWNER)


def test_while_another_writes_looking_works_and_nothing_is_half_stored(place, capsys):
    app = build_app(load_settings(place.place.config, {}), lambda: place.place.now, wait_ms=50)
    allowed = Allowed(Groups(), ("S0ALL",), app.directory.owners, lambda: 0.0)
    with closing(sqlite3.connect(place.place.folder / "spendwatch.db")) as other:
        other.execute("BEGIN IMMEDIATE")
        assert typed(app, allowed, CHIEF, "tenant acme").startswith("Acme Works (acme): ")
        with pytest.raises(DatabaseError, match="not saved, try again"):
            typed(app, allowed, CHIEF, "silence acme 4h x")
    assert place.listed(capsys, "silence") == []
