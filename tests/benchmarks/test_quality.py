"""What robust is worth without its parts: judged once, and the very same as judged anew."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from benchmarks.drawing import draw_frontier
from benchmarks.panels import ROBUST, alerts_of, made_panel
from benchmarks.quality import (
    BARS,
    FAMILIES,
    Ablation,
    ablate,
    ablation_table,
    count_pages,
    frontier,
    frontier_table,
    rules_and_families,
    short,
    single_terms,
    study,
    with_pages,
)
from benchmarks.recording import without
from detector.robust.points import REASONS


@pytest.fixture(scope="module")
def studied():
    return study(made_panel(3, tenants=50, days=100))


def ablation(name):
    (found,) = (each for each in (*single_terms(), *rules_and_families()) if each.name == name)
    return found


@pytest.mark.parametrize("bar", [-1.5, 0.0, 1.0])
def test_what_was_weighed_once_is_told_above_a_bar_as_if_judged_anew(studied, bar):
    book = replace(ROBUST, everyone=replace(ROBUST.everyone, bar=bar))
    judged = alerts_of(studied.panel.judge(book))
    assert studied.recording.alerts(REASONS, bar) == judged
    assert len(judged) > 5


def test_every_term_is_left_out_once_and_every_name_of_a_family_is_one():
    every = {f"{reason}: {term}" for reason, own in REASONS.items() for term in own.terms}
    assert every == {each.name for each in single_terms()}
    terms = {term for own in REASONS.values() for term in own.terms}
    assert {name for family in FAMILIES.values() for name in family} <= terms


def test_a_table_without_a_term_keeps_all_others():
    table = without({"mix": frozenset(("three",))})
    assert table["mix"].terms == {
        name: term for name, term in REASONS["mix"].terms.items() if name != "three"
    }
    assert table["volume"] == REASONS["volume"]
    assert "three" in REASONS["mix"].terms


@pytest.mark.parametrize("name", ["volume: prompt", "shares of features", "dollars"])
def test_without_a_part_there_are_as_many_pages_as_before(studied, name):
    left = ablation(name)
    table = with_pages(studied.pages, studied.recording, left)
    pages = count_pages(studied.recording.alerts(table, 0.0))
    assert 0.9 * studied.pages <= pages <= studied.pages
    assert pages > count_pages(studied.recording.alerts(left.table, 0.0))


def test_only_reasons_that_lost_a_term_begin_elsewhere(studied):
    table = with_pages(studied.pages, studied.recording, ablation("drop: fall"))
    assert table["volume"] == REASONS["volume"]
    assert table["drop"].start > REASONS["drop"].start


def test_leaving_nothing_out_loses_nothing(studied):
    nothing = Ablation("nothing", lambda each: each.recording, REASONS)
    assert ablate(studied, nothing, same_bar=True) == (0, 0)


def test_without_any_points_only_rules_without_them_are_left(studied):
    gone = without({name: frozenset(own.terms) - {"usd"} for name, own in REASONS.items()})
    nothing = Ablation("all", lambda each: each.recording, gone)
    left = studied.panel.quality(studied.recording.others)[0].f1
    lost, _ = ablate(studied, nothing, same_bar=True)
    assert lost == pytest.approx(studied.whole.f1 - left)
    assert lost > 0.1


def test_the_tables_are_markdown_with_a_line_for_each_bar_and_each_part(studied):
    lines = list(frontier_table(studied, (studied.whole, studied.core)))
    assert len(lines) == 2 + len(BARS) + 1
    assert any(line.startswith("| bar -0.5 |") for line in lines)
    parts = list(ablation_table([studied], rules_and_families(), same_bar=True))
    assert len(parts) == 2 + len(rules_and_families())
    assert {line.count("|") for line in parts} == {4}


def test_the_frontier_is_drawn_with_a_dot_for_each_bar(studied):
    line = frontier(studied, studied.whole)._replace(name="a < b")
    tree = ET.fromstring(draw_frontier([line, line]))  # noqa: S314 -- what we drew ourselves
    dots = tree.findall(".//{http://www.w3.org/2000/svg}circle")
    assert len(dots) == 2 * 2 * len(BARS)
    width, height = (float(number) for number in tree.attrib["viewBox"].split()[2:])
    assert all(0 < float(dot.attrib["cx"]) < width for dot in dots)
    assert all(0 < float(dot.attrib["cy"]) < height for dot in dots)
    assert "a < b (classic" in "".join(tree.itertext())


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.456, ".46"), (-0.056, "-.06"), (0.001, "0"), (-0.001, "0"), (1.0, "1.00"), (1.58, "1.58")],
)
def test_numbers_are_short(value, text):
    assert short(value) == text
