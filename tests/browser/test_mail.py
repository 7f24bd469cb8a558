"""A mail and the page that it leads to, opened as a person would: by phone, desk, unscripted."""

from __future__ import annotations

import base64

import pytest

from alerts.model import AlertState
from tests.spendwatch.web.mailed import ANN, mailed

WIDTHS = [360, 390, 640, 1280]


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    with mailed(tmp_path_factory.mktemp("mailed")) as found:
        yield found


@pytest.fixture(scope="module")
def mail(desk, tmp_path_factory):
    """The HTML of a mail with its chart where the mail program would show it."""
    sent = desk.mail.to(ANN)[0]
    (image,) = (part for part in sent.walk() if part["Content-ID"])
    data = base64.b64encode(image.get_payload(decode=True)).decode()
    html = sent.get_body(("html",)).get_content()
    file = tmp_path_factory.mktemp("mail") / "mail.html"
    file.write_text(html.replace("cid:chart", f"data:image/png;base64,{data}"), encoding="utf-8")
    return file


def page(desk):
    """The address of the page, by the name that this machine has for itself."""
    return f"{desk.served.server.address}{desk.link()}"


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", WIDTHS)
def test_a_mail_fits_its_window_and_fetches_nothing(tab, mail, width, dark):
    del tab.asked[:]
    tab.open(mail, width, dark=dark)
    assert tab.value("document.documentElement.scrollWidth") <= width
    assert tab.value("document.querySelector('img').naturalWidth") > 100
    assert [each for each in tab.asked if not each.startswith(("file:", "data:"))] == []


@pytest.mark.parametrize("width", WIDTHS)
def test_the_page_fits_its_window_with_all_that_can_be_opened(tab, desk, width):
    del tab.complaints[:], tab.asked[:]
    tab.open(page(desk), width)
    tab.value("document.querySelectorAll('details').forEach((each) => { each.open = true })")
    assert tab.value("document.documentElement.scrollWidth") <= width
    assert tab.value("document.querySelector('img').naturalWidth") > 100
    assert tab.complaints == []
    ours = (desk.served.server.address, "data:")  # a calendar of the browser's own
    assert [each for each in tab.asked if not each.startswith(ours)] == []


def test_everything_that_is_pressed_is_large_enough_for_a_thumb(tab, desk):
    tab.open(page(desk), 390)
    small = "[...document.querySelectorAll('button, summary')].filter((each) => each.offsetParent"
    small += " && each.getBoundingClientRect().height < 44).length"
    assert tab.value(small) == 0


def test_an_alert_is_acknowledged_and_taken_back_without_a_script_or_a_mouse(tab, desk):
    tab.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        tab.open(page(desk), 390)
        desk.wait()
        tab.press("Tab")
        assert tab.value("document.activeElement.innerText") == "Acknowledge"
        tab.press("Enter")
        tab.wait_for("document.body && document.body.innerText.includes('Undo')")
        assert desk.alert().state is AlertState.ACKNOWLEDGED
        desk.wait()
        tab.press("Tab")
        tab.press("Enter")
        tab.wait_for("document.body && document.body.innerText.includes('Acknowledge')")
        assert desk.alert().state is AlertState.OPEN
    finally:
        tab.call("Emulation.setScriptExecutionDisabled", value=False)
