"""Silences and planned events as they are typed, listed and ended."""

from __future__ import annotations

from datetime import timedelta

import pytest

from detector.model import FindingKind
from spendwatch.app import system_clock
from tests.spendwatch.installations import CONFIG, Installation

ONE = timedelta(days=1)
BERLIN = CONFIG.replace('"UTC"', '"Europe/Berlin"')
TENANTS = '[[tenants]]\nid = "acme"\naliases = ["acme-prod"]\ntime_zone = "Pacific/Auckland"\n'
FILE = f"""
{TENANTS}
[[silences]]
tenant = "ACME-prod"
kind = "spend-spike"
severity = "warning"
until = 2026-10-08T00:00:00
comment = "load test"
[[planned_events]]
tenant = "acme-prod"
first_day = 2026-10-06
last_day = 2026-10-07
ceiling = 500
comment = "migration"
"""


def failing(place, capsys, *arguments, code=2):
    """Run a command that is refused; return its words."""
    capsys.readouterr()
    assert place.run(*arguments) == code
    return capsys.readouterr().err


def printed(place, capsys, *arguments):
    capsys.readouterr()
    assert place.run(*arguments) == 0
    return capsys.readouterr().out


@pytest.fixture
def place(tmp_path):
    return Installation(tmp_path, config=BERLIN, extra=TENANTS)


ADD = ("silence", "add", "--comment", "migration")


def test_a_silence_is_added_listed_and_ended_by_command(place, capsys):
    words = printed(place, capsys, *ADD, "--tenant", "acme*", "--for", "4h", "--as", "alice")
    assert "S-1 silences alerts of acme* until " in words
    assert "before that: spendwatch silence end 1" in words
    (listed,) = place.json(capsys, "silence", "list")
    assert (listed["reference"], listed["state"], listed["author"]) == ("S-1", "in force", "alice")
    assert "S-1" in printed(place, capsys, "silence", "list")
    words = printed(place, capsys, "silence", "end", "S-1", "--as", "bob")
    assert words.startswith("S-1 ended by bob: what it held back and still holds is told")
    assert place.json(capsys, "silence", "list") == []
    (past,) = place.json(capsys, "silence", "list", "--all")
    assert (past["state"], past["ended_by"]) == ("ended by bob", "bob")
    assert "ended by bob" in printed(place, capsys, "silence", "list", "--all")


def test_a_silence_that_is_over_is_not_ended_again(place, capsys):
    place.run(*ADD, "--tenant", "acme", "--for", "4h")
    assert place.json(capsys, "silence", "end", "1")["state"].startswith("ended by ")
    assert "S-1 is over since" in failing(place, capsys, "silence", "end", "1", code=1)
    assert "there is no silence S-9" in failing(place, capsys, "silence", "end", "9", code=2)


def test_the_answer_says_the_exact_end_in_utc(place, capsys):
    end = (system_clock() + 30 * ONE).date()
    words = printed(place, capsys, *ADD, "--tenant", "acme", "--until", f"{end}T12:00+00:00")
    assert "12:00 UTC); before that" in words
    assert " in Europe/Berlin (" in words


def test_a_silence_may_begin_later_and_last_from_there(place, capsys):
    begin = (system_clock() + 5 * ONE).date()
    words = printed(
        place, capsys, *ADD, "--tenant", "acme", "--from", f"{begin}T12:00Z", "--for", "1d"
    )
    assert f"from {begin.day} " in words
    (listed,) = place.json(capsys, "silence", "list")
    assert listed["state"] == "to come"
    assert listed["from"] == f"{begin}T12:00:00+00:00"
    assert listed["until"] == f"{begin + ONE}T12:00:00+00:00"


def test_a_silence_that_is_ended_before_it_began_is_taken_back(place, capsys):
    begin = (system_clock() + 5 * ONE).date()
    place.run(*ADD, "--tenant", "acme", "--from", f"{begin}T12:00Z", "--for", "1d")
    words = printed(place, capsys, "silence", "end", "1", "--as", "bob")
    assert words == "S-1 taken back by bob before it began: it has held nothing back\n"
    (past,) = place.json(capsys, "silence", "list", "--all")
    assert (past["state"], past["ended_by"]) == ("taken back by bob", "bob")


def test_a_silence_may_begin_and_end_at_given_moments(place, capsys):
    begin = (system_clock() + 5 * ONE).date()
    span = ("--from", f"{begin}T12:00Z", "--until", f"{begin}T13:00Z")
    facts = place.json(capsys, *ADD, "--tenant", "acme", *span)
    assert (facts["stored"], facts["until"]) == (True, f"{begin}T13:00:00+00:00")
    back = ("--from", f"{begin}T12:00Z", "--until", f"{begin}T11:00Z")
    assert "a silence ends after it begins" in failing(
        place, capsys, *ADD, "--tenant", "acme", *back
    )


def test_a_preview_stores_nothing(place, capsys):
    words = printed(place, capsys, *ADD, "--tenant", "acme", "--for", "4h", "--preview")
    assert "only a preview, nothing was stored: alerts of acme until " in words
    assert place.json(capsys, "silence", "list", "--all") == []
    assert printed(place, capsys, "silence", "list") == "no silence lasts; --all shows past ones\n"
    assert printed(place, capsys, "silence", "list", "--all") == "no silences\n"


def test_a_tenant_nobody_knows_is_named_and_the_nearest_one_suggested(place, capsys):
    span = ("--for", "4h", "--preview")
    words = printed(place, capsys, *ADD, "--tenant", "acmee", *span)
    assert "no tenant is known as acmee so far; did you mean acme?" in words
    assert "no tenant is known as b* so far" in printed(
        place, capsys, *ADD, "--tenant", "b*", *span
    )
    for known in ("ACME ", "acme-prod", "a*e"):
        assert "is known as" not in printed(place, capsys, *ADD, "--tenant", known, *span)


def test_an_alias_becomes_its_tenant_and_a_pattern_stays_one(place, capsys):
    place.run(*ADD, "--tenant", "Acme-PROD", "--for", "4h")
    place.run(*ADD, "--tenant", "Acme-PROD*", "--for", "4h")
    listed = place.json(capsys, "silence", "list")
    assert [each["tenant"] for each in listed] == ["acme", "acme-prod*"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), "names a tenant, a kind or a severity"),
        (("--tenant", "\u200b"), "--tenant must have a visible character"),
        (("--kind", "spike"), "--kind must be one of spend spike"),
        (("--severity", "grave"), "--severity must be one of critical, warning, notice"),
        (("--tenant", "acme", "--comment", "\u200b"), "say why"),
        (("--tenant", "acme", "--for", "91d"), "at most 90 days from now"),
        (("--tenant", "acme", "--for", "soon"), "write it like 30m, 4h, 2d or 1w"),
        (("--tenant", "acme", "--until", "2026-01-01"), "either --until"),
        (("--tenant", "acme", "--for", "", "--until", "2026-01-01"), "must lie in the future"),
        (("--tenant", "acme", "--from", "2020-01-01", "--for", "1d"), "ends in the future"),
    ],
)
def test_fault_83_a_silence_that_makes_no_sense_is_refused_and_not_stored(
    place, capsys, options, words
):
    assert words in failing(place, capsys, *ADD, "--for", "4h", *options)
    assert place.json(capsys, "silence", "list", "--all") == []


def test_a_number_that_is_none_is_refused_with_where_to_look(place, capsys):
    words = failing(place, capsys, "silence", "end", "settings")
    assert "`spendwatch silence list` shows them, and those of the settings are ended" in words
    words = failing(place, capsys, "planned", "end", "P-0")
    assert "'P-0' is no planned event's number; `spendwatch planned list` shows them" in words


def test_names_and_comments_cannot_steer_the_terminal(place, capsys):
    hostile = ("--comment", "a\x1b[31mb\udcff", "--as", "al\x1b]0;x\x07ice\u202e")
    place.run("silence", "add", "--tenant", "acme", "--for", "4h", *hostile)
    (listed,) = place.json(capsys, "silence", "list")
    assert (listed["comment"], listed["author"]) == ("ab", "alice")


PLAN = ("planned", "add", "--comment", "migration", "--ceiling", "500")


def test_planned_events_are_added_listed_and_ended_by_command(place, capsys):
    day = system_clock().date() + 3 * ONE
    place.run(*PLAN, "--tenant", "Acme-PROD", "--from", str(day), "--as", "alice")
    (listed,) = place.json(capsys, "planned", "list")
    assert listed == {
        "reference": "P-1", "tenant": "acme", "first_day": str(day), "last_day": str(day),
        "ceiling_micro_usd": 500_000_000, "state": "to come", "author": "alice",
        "comment": "migration", "ended_by": "",
    }  # fmt: skip
    assert "$500" in printed(place, capsys, "planned", "list")
    words = printed(place, capsys, "planned", "end", "P-1", "--as", "bob")
    assert (
        words
        == "P-1 taken back by bob: none of its days was judged yet, none is planned any more\n"
    )
    assert place.json(capsys, "planned", "list") == []
    assert printed(place, capsys, "planned", "list").startswith("nothing is planned; --all")
    (past,) = place.json(capsys, "planned", "list", "--all")
    assert past["state"] == "taken back by bob"
    assert "P-1 was ended already, by bob" in failing(place, capsys, "planned", "end", "1", code=1)
    words = failing(place, capsys, "planned", "end", "9", code=2)
    assert "there is no planned event P-9; `spendwatch planned list --all` shows them" in words


def test_a_preview_of_a_plan_stores_nothing(place, capsys):
    asked = (*PLAN, "--tenant", "acme", "--from", str(system_clock().date() + 3 * ONE), "--preview")
    words = printed(place, capsys, *asked)
    assert words.startswith("nothing was told in the last 30 days that it could have held back\n")
    assert "only a preview, nothing was stored: up to $500 a day are planned for acme on " in words
    facts = place.json(capsys, *asked)
    assert (facts["stored"], facts["preview"]["told"]) == (False, 0)
    assert place.json(capsys, "planned", "list", "--all") == []


def test_spend_can_be_planned_for_a_tenant_that_is_new(place, capsys):
    day = str(system_clock().date() + 3 * ONE)
    words = printed(place, capsys, *PLAN, "--tenant", "bolt", "--from", day)
    assert "\nno tenant is known as bolt so far\nP-1: up to $500 a day are planned" in words


def test_a_plan_that_meets_another_says_that_the_higher_ceiling_counts(place, capsys):
    day = str(system_clock().date() + 3 * ONE)
    assert "covers some" not in printed(place, capsys, *PLAN, "--tenant", "acme", "--from", day)
    words = printed(place, capsys, *PLAN, "--tenant", "acme", "--from", day)
    assert "P-1 covers some of these days too: the higher ceiling counts" in words
    assert "covers some" not in printed(place, capsys, *PLAN, "--tenant", "bolt", "--from", day)
    facts = place.json(capsys, *PLAN, "--tenant", "acme", "--from", day)
    assert facts["meets"] == ["P-1", "P-2"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--from", "2026-01-01"), "is over: answer its alert with `spendwatch alerts dismiss"),
        (("--to", "2026-01-01"), "the last day, 2026-01-01, is before the first"),
        (("--ceiling", "-1"), "not '-1': above 0, with at most 6 decimals, without sign"),
        (("--ceiling", "abc"), "--ceiling must be an amount such as 250 or 12.50, not 'abc'"),
        (
            ("--ceiling", "0"),
            "--ceiling must be above 0: it is what a day may cost without an alert",
        ),
        (("--ceiling", "0.00"), "dismiss their alert with `spendwatch alerts dismiss NUMBER"),
        (("--ceiling", "1e3"), "--ceiling must be an amount such as 250 or 12.50, not "),
        (("--comment", " "), "say why"),
        (("--tenant", "acme*"), "for one tenant"),
        (("--tenant", " "), "--tenant must not be empty"),
        (("--from", "2199-01-01"), "more than 366 days ahead"),
        (("--from", "1999-01-01"), "must lie in the years 2000 to 2199"),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused_and_not_stored(place, capsys, options, words):
    day = str(system_clock().date() + 3 * ONE)
    assert words in failing(place, capsys, *PLAN, "--tenant", "acme", "--from", day, *options)
    assert place.json(capsys, "planned", "list", "--all") == []


def test_what_stands_in_the_settings_is_in_force_like_what_is_announced(tmp_path, capsys):
    place = Installation(tmp_path, config=BERLIN, extra=FILE)
    (listed,) = place.json(capsys, "silence", "list", "--all")
    assert listed["reference"] == listed["author"] == "settings"
    assert (listed["tenant"], listed["kind"], listed["severity"]) == (
        "acme",
        FindingKind.SPEND_SPIKE,
        "warning",
    )
    assert (listed["from"], listed["until"]) == (None, "2026-10-07T22:00:00+00:00")
    assert "settings" in printed(place, capsys, "silence", "list", "--all")
    (listed,) = place.json(capsys, "planned", "list", "--all")
    assert (listed["reference"], listed["tenant"]) == ("settings", "acme")
    assert (listed["first_day"], listed["last_day"]) == ("2026-10-06", "2026-10-07")
