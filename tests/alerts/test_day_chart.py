"""The chart of the days around an alert, as SVG: what is there, told by shape, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from xml.etree import ElementTree as Tree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.render.day_chart import HEIGHT, WIDTH, Compared, DayChart, describe, draw_svg
from detector.model import MICRO

FIRST = date(2026, 9, 20)
DAYS = tuple(FIRST + timedelta(days=step) for step in range(75))
JUDGED = DAYS[60]
CHART = DayChart(
    days=DAYS,
    micro_usd=tuple((900 if day == JUDGED else 100 + day.day) * MICRO for day in DAYS),
    judged=JUDGED,
    alerting=frozenset({JUDGED}),
    expected_micro_usd=110 * MICRO,
    compared=Compared(DAYS[30], 101 * MICRO, 131 * MICRO),
)


def parsed(chart):
    return Tree.fromstring(draw_svg(chart))  # noqa: S314 - it was drawn here


def elements(chart, name):
    """What is drawn of one kind: the path's moves, or the words of texts."""
    found = [each for each in parsed(chart) if each.get("class") == name]
    return [each.get("d") or each.text for each in found]


def drawn(chart, name):
    return sum(path.count("M") for path in elements(chart, name))


def test_every_known_day_is_one_bar_and_the_alerting_one_has_a_triangle_too():
    bars = {name: drawn(CHART, name) for name in ("bar", "bar later", "bar alerting", "mark")}
    assert bars == {"bar": 60, "bar later": 14, "bar alerting": 1, "mark": 1}
    assert (drawn(CHART, "bar hollow"), drawn(CHART, "cross")) == (0, 0)


def test_a_day_that_was_left_out_is_hollow_also_where_it_alerted():
    chart = replace(
        CHART,
        alerting=frozenset({DAYS[40], JUDGED}),
        left_out=frozenset({DAYS[40], DAYS[41]}),
    )
    found = {name: drawn(chart, name) for name in ("bar", "bar alerting", "bar hollow", "mark")}
    assert found == {"bar": 58, "bar alerting": 1, "bar hollow": 2, "mark": 2}


def test_a_day_without_data_is_a_cross_and_no_bar_and_never_zero():
    costs = list(CHART.micro_usd)
    costs[10] = None
    costs[11] = 0
    chart = replace(CHART, micro_usd=tuple(costs))
    assert (drawn(chart, "bar"), drawn(chart, "cross")) == (59, 1)
    (bars,) = elements(chart, "bar")
    assert "V141.0h" in bars  # what cost nothing is a stub
    assert describe(chart).endswith("no data for 1 day.")


def test_an_alerting_day_whose_cost_is_not_known_is_marked_on_the_axis():
    costs = tuple(
        None if day == JUDGED else cost for day, cost in zip(DAYS, CHART.micro_usd, strict=True)
    )
    chart = replace(CHART, micro_usd=costs)
    assert (drawn(chart, "mark"), drawn(chart, "cross"), drawn(chart, "bar alerting")) == (1, 1, 0)
    assert elements(chart, "amount") == []
    assert "no known cost on Thu 19 Nov, expected $110;" in describe(chart)


def test_the_band_reaches_from_the_first_day_compared_with_to_the_judged_one():
    (band,) = elements(CHART, "band")
    (level,) = elements(CHART, "level")
    left, right = float(band[1:].split()[0]), float(band.split("H")[1].split("V")[0])
    assert level == f"M{left} {level.split()[1].split('H')[0]}H{right}"
    slot = (right - left) / 31
    assert slot == pytest.approx((354 - left) / (75 - 30), abs=0.1)


def test_what_begins_before_the_chart_is_cut_at_its_edge():
    chart = replace(CHART, compared=Compared(FIRST - timedelta(days=9), 1, 2))
    (band,) = elements(chart, "band")
    (grid,) = elements(chart, "grid")
    assert band.split()[0] == f"{grid.split()[0]}.0"


def test_nothing_to_compare_with_is_no_band():
    chart = replace(CHART, compared=None, expected_micro_usd=None)
    assert (elements(chart, "band"), elements(chart, "level")) == ([], [])
    assert describe(chart) == ("Daily cost, 20 Sep to 3 Dec: $900 on Thu 19 Nov; alerting: 19 Nov.")


def test_the_judged_day_is_named_with_its_cost_and_no_other_label_touches_it():
    assert elements(CHART, "amount") == ["$900"]
    assert elements(CHART, "judged") == ["19 Nov"]
    named = elements(CHART, "day")
    assert "19 Nov" not in named
    assert named[:2] == ["3 Dec", "5 Nov"]


def test_the_chart_is_told_in_words_to_whoever_does_not_see_it():
    svg = parsed(replace(CHART, left_out=frozenset({DAYS[40]})))
    assert svg.get("role") == "img"
    assert svg.get("aria-label") == (
        "Daily cost, 20 Sep to 3 Dec: $900 on Thu 19 Nov, expected $110; compared with $101 to "
        "$131 a day; alerting: 19 Nov; left out: 30 Oct."
    )


def numbers(text):
    kept = "".join(char if char.isdigit() or char in ".-" else " " for char in text)
    return [float(number) for number in kept.split() if number.strip(".-")]


COSTS = st.one_of(st.none(), st.integers(-(10**9), 10**13))


@given(st.lists(COSTS, min_size=1, max_size=75), st.data())
def test_whatever_the_costs_everything_lies_within_the_chart(costs, data):
    days = DAYS[: len(costs)]
    some = st.frozensets(st.sampled_from(days))
    low = data.draw(st.integers(0, 10**12))
    chart = DayChart(
        days,
        tuple(costs),
        data.draw(st.sampled_from(days)),
        data.draw(some),
        data.draw(some),
        data.draw(COSTS),
        Compared(data.draw(st.sampled_from(days)), low, data.draw(st.integers(low, 10**13))),
    )
    svg = parsed(chart)
    for text in svg.iter("text"):
        assert -1 <= float(text.get("x")) <= WIDTH
        assert 0 <= float(text.get("y")) <= HEIGHT
    for path in svg.iter("path"):
        assert max(map(abs, numbers(path.get("d")))) <= WIDTH
