"""The page of a backtest in a real browser: on a phone, in the dark, by keyboard, unscripted."""

from __future__ import annotations

import pytest

from spendwatch import cli
from spendwatch.exits import run_reporting_errors
from tests.spendwatch.test_replay_page import HOSTILE, write_usage

NAMES = [*HOSTILE, "averyveryverylongtenantnamewithoutanyspaceinitatallwhatsoever", "bolt", "corp"]
SIDES = "document.querySelectorAll('.side')"
SHOWN = "[...document.querySelectorAll('.alerts > tbody')].filter((each) => each.offsetHeight)"


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A comparison with alerts that only one side finds."""
    folder = tmp_path_factory.mktemp("page")
    target = folder / "page.html"
    words = ("backtest", "--usage", str(write_usage(folder, NAMES)), "--html", str(target))
    sides = ("--method", "classic", "--compare", "z=3", "min_excess_usd=920")
    assert run_reporting_errors(cli.app, (*words, *sides)) == 0
    return target


def column(tab, number):
    """The cells of a column of the first table, from top to bottom, as they are read."""
    rows = "[...document.querySelector('table.alerts').tBodies]"
    return tab.value(f"{rows}.map((each) => each.rows[0].cells[{number}].innerText)")


def focused(tab):
    words = "document.activeElement.innerText || document.activeElement.tagName"
    return tab.value(f"document.activeElement === document.body ? '' : {words}")


def walk_to(tab, words):
    """Press Tab until something that says these words has the focus."""
    for _ in range(60):
        if words in focused(tab):
            return
        tab.press("Tab")
    raise AssertionError(f"no way by keyboard to {words}, but to {focused(tab)}")


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [360, 390, 640, 1280])
def test_the_page_is_no_wider_than_its_window_with_all_that_can_be_opened(tab, page, width, dark):
    tab.open(page, width, dark=dark)
    tab.value("document.querySelectorAll('details').forEach((each) => { each.open = true })")
    assert tab.value("document.documentElement.scrollWidth") == width
    beyond = "[...document.querySelectorAll('.alerts *')].filter((each) => { const box = each"
    beyond += f".getBoundingClientRect(); return box.width && box.right > {width} + 1 }}).length"
    assert tab.value(beyond) == 0


def test_nothing_is_loaded_and_nothing_goes_wrong(tab, page):
    del tab.complaints[:], tab.asked[:]
    tab.open(page, 1280)
    assert [each for each in tab.asked if not each.startswith("data:")] == [page.as_uri()]
    assert tab.complaints == []


def test_hostile_names_are_read_as_they_are_and_run_nothing(tab, page):
    tab.open(page, 1280)
    names = " ".join(column(tab, 0))
    assert all(name.lstrip("=") in names for name in HOSTILE)
    assert tab.value("document.scripts.length") == 1


def test_a_heading_sorts_by_keyboard_and_the_other_way_round_when_pressed_again(tab, page):
    tab.open(page, 1280)
    walk_to(tab, "Expected")
    tab.press("Enter")
    heading = "document.querySelectorAll('table.alerts')[0].tHead.rows[0].cells[5]"
    dollars = [float(cell.strip("$")) for cell in column(tab, 5)]
    assert dollars == sorted(dollars, reverse=True)
    assert tab.value(f"{heading}.ariaSort") == "descending"
    tab.press("Space")
    assert column(tab, 5) == [f"${dollar:g}" for dollar in sorted(dollars)]
    assert tab.value(f"{SIDES}[0].querySelectorAll('[aria-sort]').length") == 1


def test_names_are_sorted_as_words(tab, page):
    tab.open(page, 1280)
    tab.value("document.querySelector('.alerts th button').click()")
    names = [name.partition("\n")[0] for name in column(tab, 0)]
    assert names[-1].startswith("חברה")
    words = [name for name in names if name[0].isalpha()]
    assert [name[:4] for name in words[:-1]] == ["acme", "aver", "bolt", "corp"]


def test_an_alert_opens_by_keyboard_and_shows_its_chart(tab, page):
    tab.open(page, 1280)
    walk_to(tab, "normal")
    chart = "document.activeElement.parentElement.querySelector('svg').checkVisibility()"
    assert tab.value(chart) is False
    tab.press("Enter")
    assert tab.value(chart) is True
    assert tab.value("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_what_only_one_side_finds_can_be_shown_alone(tab, page):
    tab.open(page, 1280)
    all_shown = tab.value(f"{SHOWN}.length")
    tab.value("document.querySelector('.only input').focus()")
    tab.press("Space")
    alone = tab.value(f"{SIDES}[0].querySelectorAll('.alone').length")
    others = tab.value(f"{SIDES}[1].querySelectorAll('.alerts > tbody').length")
    assert 0 < alone < len(NAMES)
    assert tab.value(f"{SHOWN}.length") == alone + others < all_shown


def test_without_scripts_the_alerts_stand_there_with_their_details(tab, page):
    tab.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        tab.open(page, 390)
        assert tab.value("document.querySelectorAll('.alerts button').length") == 0
        assert len(column(tab, 0)) == len(NAMES)
        walk_to(tab, "normal")
        tab.press("Enter")
        assert tab.value("document.activeElement.parentElement.open") is True
    finally:
        tab.call("Emulation.setScriptExecutionDisabled", value=False)


LUMINANCE = """
(() => {
  const channel = (value) => value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  const light = (colour) => {
    const [red, green, blue] = colour.match(/[0-9.]+/g).map((part) => channel(part / 255));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const behind = (element) => {
    const back = getComputedStyle(element).backgroundColor;
    const clear = back === "transparent" || back.endsWith(", 0)");
    return clear && element.parentElement ? behind(element.parentElement) : back;
  };
  const contrast = (one, other) => {
    const [high, low] = [light(one), light(other)].sort((a, b) => b - a);
    return (high + 0.05) / (low + 0.05);
  };
  document.querySelectorAll("details").forEach((each) => { each.open = true });
  return [...document.querySelectorAll("body *")].filter((each) => each.getClientRects().length
    && [...each.childNodes].some((node) => node.nodeType === 3 && node.data.trim())
  ).map((each) => {
    const style = getComputedStyle(each);
    const ink = each.tagName === "text" ? style.fill : style.color;
    return [contrast(ink, behind(each)), each.tagName, each.className.baseVal || each.className];
  }).sort((one, other) => one[0] - other[0])[0];
})()
"""


@pytest.mark.parametrize("dark", [False, True])
def test_all_text_stands_out_from_what_is_behind_it(tab, page, dark):
    tab.open(page, 1280, dark=dark)
    contrast, tag, name = tab.value(LUMINANCE)
    assert contrast >= 4.5, (tag, name)
    back = tab.value("getComputedStyle(document.body).backgroundColor")
    assert (back == "rgb(255, 255, 255)") is not dark
