from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from spendwatch.exits import UsageProblem
from spendwatch.moments import end_words, parse_duration, parse_end, parse_moment
from tests.builders import NOW

BERLIN = ZoneInfo("Europe/Berlin")
UTC_ZONE = ZoneInfo("UTC")


def at(text, zone=BERLIN, now=NOW):
    return parse_moment(text, zone, now).isoformat()[:16]


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-11-25T09:00", "2026-11-25T08:00"),
        (" 2026-11-25 09:00 ", "2026-11-25T08:00"),
        ("2026-11-25", "2026-11-24T23:00"),
        ("2026-11-25T09:00Z", "2026-11-25T09:00"),
        ("2026-11-25T09:00-05:00", "2026-11-25T14:00"),
    ],
)
def test_a_time_without_an_offset_is_in_the_services_zone(text, utc):
    assert at(text) == utc


def test_a_clock_time_alone_is_when_it_comes_next():
    assert at("09:00") == "2026-11-13T08:00"
    assert at("7:00") == "2026-11-14T06:00"
    assert at("07:10") == "2026-11-14T06:10"


def test_fault_83_a_time_in_the_gap_of_the_clocks_moves_forward():
    assert at("2027-03-28T02:30") == "2027-03-28T01:30"
    assert end_words(parse_moment("2027-03-28T02:30", BERLIN, NOW), BERLIN).startswith(
        "28 Mar 2027 03:30 in Europe/Berlin"
    )


def test_fault_83_of_a_time_that_comes_twice_the_first_is_meant():
    assert at("2026-10-25T02:30") == "2026-10-25T00:30"


@pytest.mark.parametrize("text", ["", "friday", "2026-13-01", "25:00", "2026-11-25T9", "1e9"])
def test_what_is_no_moment_is_refused_with_an_example(text):
    with pytest.raises(UsageProblem, match="is no moment; write it like 2026-11-13T09:00"):
        parse_moment(text, BERLIN, NOW)


@pytest.mark.parametrize("text", ["0001-01-01T00:00+14:00", "9999-12-31T23:59-12:00"])
def test_a_year_out_of_any_range_is_refused(text):
    with pytest.raises(UsageProblem, match="the year must lie between 2000 and 2199"):
        parse_moment(text, BERLIN, NOW)


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("30m", timedelta(minutes=30)),
        ("4h", timedelta(hours=4)),
        ("2D", timedelta(days=2)),
        (" 1 w ", timedelta(weeks=1)),
    ],
)
def test_a_length_is_a_number_and_a_unit(text, length):
    assert parse_duration(text) == length


@pytest.mark.parametrize("text", ["", "4", "h", "-4h", "0h", "1.5h", "4y", "99999w", "\u0664h"])
def test_what_is_no_length_is_refused_with_examples(text):
    with pytest.raises(UsageProblem, match="write it like 30m, 4h, 2d or 1w"):
        parse_duration(text)


@pytest.mark.parametrize(("until", "lasting"), [("", ""), ("2026-11-25T09:00", "4h"), (" ", " ")])
def test_an_end_is_said_in_one_way(until, lasting):
    with pytest.raises(UsageProblem, match="either --until 2026-11-13T18:00 or --for 4h"):
        parse_end(until, lasting, BERLIN, NOW)


def test_the_longest_length_that_can_be_written_still_has_an_end():
    assert parse_end("", "9999w", BERLIN, NOW).year == 2218


def test_an_end_is_a_moment_or_a_length_from_now():
    assert parse_end("2026-11-25T09:00", "", BERLIN, NOW) == datetime(2026, 11, 25, 8, tzinfo=UTC)
    assert parse_end("", "4h", BERLIN, NOW) == NOW + timedelta(hours=4)


def test_fault_83_an_end_in_the_past_is_refused_with_what_it_was_taken_for():
    with pytest.raises(
        UsageProblem,
        match=r"--until 2026-11-13T07:10 is over: 13 Nov 2026 07:10 in Europe/Berlin "
        r"\(13 Nov 06:10 UTC\); it must lie in the future",
    ):
        parse_end("2026-11-13T07:10", "", BERLIN, NOW)


def test_a_moment_is_said_on_the_clocks_of_the_zone_and_in_utc():
    end = datetime(2026, 11, 24, 23, 30, tzinfo=UTC)
    assert end_words(end, BERLIN) == "25 Nov 2026 00:30 in Europe/Berlin (24 Nov 23:30 UTC)"
    assert end_words(end, UTC_ZONE) == "24 Nov 2026 23:30 UTC"
