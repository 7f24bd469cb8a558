from __future__ import annotations

import io
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from alerts.render.chart import Chart, alt_text, draw_chart
from alerts.render.chart_scale import axis_ticks, largest, named_days
from detector.model import MICRO
from tests.builders import DAY, november

DAYS = tuple(DAY - timedelta(days=back) for back in range(29, -1, -1))
COSTS = tuple((250 + 5 * place) * MICRO for place in range(29))
MARKED, BAR, HATCH, CAP = (209, 69, 11), (91, 127, 168), (185, 193, 203), (36, 41, 47)


def a_chart(**changes):
    values = {
        "title": "Cost of each day, 30 days to Thu 12 Nov",
        "days": DAYS,
        "micro_usd": (*COSTS, 1_284 * MICRO),
        "marked": DAY,
        "low_micro_usd": 240 * MICRO,
        "high_micro_usd": 420 * MICRO,
        **changes,
    }
    return Chart(**values)


def with_cost(place, cost):
    costs = list(a_chart().micro_usd)
    costs[place] = cost
    return a_chart(micro_usd=tuple(costs))


def picture(chart):
    return Image.open(io.BytesIO(draw_chart(chart))).convert("RGBA")


def amount_of(chart, colour):
    """How many pixels are close to a colour; what is smoothed away at an edge does not count."""
    pixels = Counter(picture(chart).convert("RGB").get_flattened_data())
    return sum(
        many
        for found, many in pixels.items()
        if all(abs(a - b) <= 8 for a, b in zip(found, colour, strict=True))
    )


def test_it_is_a_small_png_of_twice_the_size_that_slack_shows():
    png = draw_chart(a_chart())
    assert png.startswith(b"\x89PNG")
    assert len(png) < 60_000
    assert Image.open(io.BytesIO(png)).size == (1_200, 480)


def test_the_same_chart_is_the_same_picture():
    assert draw_chart(a_chart()) == draw_chart(a_chart())


def test_it_brings_its_own_light_card_with_round_corners():
    drawn = picture(a_chart())
    corners = [(0, 0), (1_199, 0), (0, 479), (1_199, 479)]
    assert [drawn.getpixel(corner)[3] for corner in corners] == [0, 0, 0, 0]
    red, green, blue, opaque = drawn.getpixel((600, 12))
    assert opaque > 250
    assert min(red, green, blue) > 240


def test_the_alerting_day_stands_out_and_is_as_high_as_it_cost():
    cap = {"cap_micro_usd": 1_284 * MICRO}  # the axis is the same
    high = amount_of(a_chart(**cap), MARKED)
    low = amount_of(replace(with_cost(29, 520 * MICRO), **cap), MARKED)
    assert high > 4_000
    assert low < high / 2


def test_a_day_without_data_is_a_gap_and_one_that_cost_nothing_is_a_stub():
    whole, nothing, unknown = a_chart(), with_cost(10, 0), with_cost(10, None)
    bars = [amount_of(each, BAR) for each in (whole, nothing, unknown)]
    assert bars[0] > bars[1] > bars[2]
    hatched = [amount_of(each, HATCH) for each in (whole, nothing, unknown)]
    assert hatched[0] < hatched[2]
    assert hatched[1] < hatched[2]


def test_a_day_that_is_left_out_is_a_gap_too():
    left_out = a_chart(days=DAYS[:10] + DAYS[11:], micro_usd=(*COSTS[:10], *COSTS[11:], 900_000))
    assert left_out.unknown == [DAYS[10]]
    assert amount_of(left_out, HATCH) > amount_of(a_chart(), HATCH)


def test_a_cap_is_a_line_where_it_is_near_and_only_words_where_it_is_far():
    none, near, far = (a_chart(cap_micro_usd=cap) for cap in (None, 1_000 * MICRO, 9_000 * MICRO))
    assert amount_of(near, CAP) > amount_of(far, CAP) > amount_of(none, CAP)


@pytest.mark.parametrize("marked", [DAYS[0], DAYS[15], DAYS[-1]])
def test_a_marked_day_without_data_is_said_to_have_none(marked):
    unknown = replace(with_cost(DAYS.index(marked), None), marked=marked)
    assert alt_text(unknown).startswith("Daily cost from 14 Oct to 12 Nov: no data on")
    assert amount_of(unknown, MARKED) > 0


def test_the_words_say_every_number_that_the_picture_shows():
    chart = replace(with_cost(7, None), cap_micro_usd=300_500_000, cap_name="daily cap")
    assert alt_text(chart) == (
        "Daily cost from 14 Oct to 12 Nov: $1,284 on Thu 12 Nov; usual $240-$420; "
        "other days $250-$390; no data for 1 day: 21 Oct; daily cap $300.50."
    )


def test_many_days_without_data_are_counted():
    assert "no data for 29 days;" not in alt_text(a_chart())
    blind = a_chart(micro_usd=(None,) * 29 + (MICRO,), low_micro_usd=None)
    assert alt_text(blind) == (
        "Daily cost from 14 Oct to 12 Nov: $1 on Thu 12 Nov; no data for 29 days."
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"title": "x" * 300, "cap_micro_usd": MICRO, "cap_name": "y" * 300},
        {"days": (DAY,), "micro_usd": (5 * MICRO,)},
        {"days": (DAY,), "micro_usd": (None,), "low_micro_usd": None},
        {"micro_usd": (0,) * 30, "low_micro_usd": 0, "high_micro_usd": 0},
        {"micro_usd": (-5 * MICRO,) * 30},
        {"marked": november(1, 12)},
        {"cap_micro_usd": 0},
        {"micro_usd": (10**15,) * 30, "high_micro_usd": 10**15, "cap_micro_usd": 10**15},
    ],
)
def test_an_odd_chart_is_drawn_all_the_same(changes):
    assert len(draw_chart(a_chart(**changes))) < 60_000


@given(st.integers(min_value=0, max_value=10**18))
def test_an_axis_has_few_round_steps_and_room_above_the_largest_amount(most):
    ticks = axis_ticks(most)
    assert ticks[0] == 0
    assert 2 <= len(ticks) <= 6
    assert ticks[-1] >= most * 1.119
    assert ticks[1] >= 10_000


@pytest.mark.parametrize(
    ("amounts", "cap", "most"),
    [((), None, 0), ((None,), 7, 7), ((100, None), None, 100), ((100,), 250, 250), ((9,), 80, 9)],
)
def test_a_cap_counts_only_where_it_leaves_the_days_readable(amounts, cap, most):
    assert largest(amounts, cap) == most


@pytest.mark.parametrize("many", [1, 6, 7, 12, 13, 30, 60, 400])
def test_an_axis_names_a_handful_of_days_and_always_the_last(many):
    named = named_days(DAY - timedelta(days=many - 1), DAY)
    assert named[0] == DAY
    assert min(many, 4) <= len(named) <= 7 if many != 13 else len(named) == 2


costs = st.lists(st.none() | st.integers(min_value=0, max_value=10**13), min_size=1, max_size=40)


@settings(max_examples=15, deadline=None)
@given(costs, st.none() | st.integers(min_value=0, max_value=10**13))
def test_any_costs_can_be_drawn_and_said(costs, cap):
    days = tuple(DAY - timedelta(days=back) for back in range(len(costs) - 1, -1, -1))
    chart = a_chart(days=days, micro_usd=tuple(costs), cap_micro_usd=cap)
    assert len(draw_chart(chart)) < 60_000
    assert len(alt_text(chart)) < 2_000
