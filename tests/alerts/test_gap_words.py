"""What is said of data that is not all there: causes are named, counted, and inert."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alerts.kind_words import ending, words_of
from alerts.model import Change, Reason
from alerts.policy import Situation, decide
from detector.model import Finding, FindingKind, Severity
from tests.builders import DAY, NOW, an_alert

GAP = Finding(
    FindingKind.ATTRIBUTION_GAP,
    DAY,
    Severity.WARNING,
    magnitude=30_000_000,
    facts={"share": 0.15, "usual_share": 0.02, "usd_micro": 30_000_000},
)
TOKENLESS = Finding(
    FindingKind.ATTRIBUTION_GAP,
    DAY,
    Severity.WARNING,
    subject="gateway",
    magnitude=120_000_000,
    rule="calls without tokens",
    facts={
        "source": "gateway", "calls": 10_000, "without_tokens": 3_400, "share": 0.34,
        "streamed": 9_000, "api": "chat",
    },
)  # fmt: skip
CUT_OFF = Finding(
    FindingKind.SOURCE_STALE,
    DAY,
    Severity.CRITICAL,
    subject="gateway",
    rule="stopped early",
    facts={"source": "gateway", "stopped_at": "2026-11-12T10:00:00+00:00"},
)


NEVER_SPOKE = replace(CUT_OFF, rule="never spoke", facts={"source": "gateway", "never_spoke": 1})


def gap(**facts):
    return words_of(replace(GAP, facts=GAP.facts | facts), {})


def lines(words):
    return {line.label: line.text for line in words.lines}


def test_a_gap_without_telemetry_reads_as_before():
    assert [line.label for line in gap().lines] == ["What"]
    assert [action.label for action in gap().look] == ["see where"]


def test_the_dearest_ids_are_named_and_the_others_counted():
    told = gap(
        cause_1="subscription bu-0", cause_1_micro_usd=20_000_000,
        cause_2="no id at all", cause_2_micro_usd=0, causes=5,
    )  # fmt: skip
    assert lines(told)["Why"] == (
        "most of it from subscription bu-0 ($20); no id at all ($0); and 3 others"
    )
    assert told.look[-1].command == "spendwatch coverage"


def test_ids_that_are_all_named_leave_none_to_count():
    assert lines(gap(cause_1="x", causes=1))["Why"] == "most of it from x ($0)"


def test_an_id_cannot_steer_the_reader():
    told = lines(gap(cause_1="\x1b[31m\u202e<!channel>\n[critical] bolt" + "x" * 500, causes=1))
    assert "\n" not in told["Why"]
    assert "\x1b" not in told["Why"]
    assert "\u202e" not in told["Why"]
    assert len(told["Why"]) < 130


def test_a_source_that_never_spoke_says_so_and_where_to_look():
    told = words_of(NEVER_SPOKE, {})
    assert (told.who, told.what) == (
        "source gateway", "silent, it gave no usage for any day so far"
    )  # fmt: skip
    assert "everything else is" in lines(told)["Data"]
    assert [action.command for action in told.look] == ["spendwatch check --live"]


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"rows_without_call": 200}, "200 rows of tokens whose call was not logged"),
        ({"without_tokens": 1}, "1 call that told no tokens"),
        (
            {"rows_without_call": 1, "without_tokens": 2},
            "1 row of tokens whose call was not logged and 2 calls that told no tokens",
        ),
    ],
    ids=["rows", "calls", "both"],
)
def test_what_telemetry_lacks_besides_is_counted(facts, said):
    assert lines(gap(**facts))["Data"] == said


def test_calls_without_tokens_say_how_many_of_which_api_and_what_they_may_cost():
    told = words_of(TOKENLESS, {})
    assert (told.who, told.what) == (
        "source gateway",
        "34 % of the calls of Thu 12 Nov told no tokens, about $120 unseen",
    )
    assert lines(told) == {
        "What": "3,400 of 10,000 calls are billed and in nobody's cost",
        "Why": "most of them of API chat; 9,000 calls were streams",
    }


def test_calls_whose_cost_cannot_be_estimated_name_none():
    told = words_of(replace(TOKENLESS, magnitude=0, facts=TOKENLESS.facts | {"api": ""}), {})
    assert told.what.endswith("told no tokens")
    assert "API no API named" in lines(told)["Why"]


def test_each_gap_ends_in_its_own_words():
    assert ending(TOKENLESS, DAY) == "resolved, calls tell their tokens again"
    assert ending(GAP, DAY) == "resolved, cost has its tenants again"


def test_a_source_that_was_cut_off_says_since_when_and_what_that_means():
    told = words_of(CUT_OFF, {})
    assert told.what == "silent since 12 Nov 10:00 UTC, so Thu 12 Nov is not all there"
    assert lines(told)["Data"].startswith("rises of the day are judged, drops are not")


def test_history_is_not_told_whatever_it_is():
    ruling = decide(an_alert(), Change.OPENED, Situation(now=NOW, history=True))
    assert (ruling.told, ruling.reason) == (False, Reason.LATE)
    assert ruling.detail == "history when it was judged"
