"""The product's pages in a real browser: no script, any width, light and dark, own forms."""

from __future__ import annotations

import pytest
from fastapi import Request
from starlette.responses import HTMLResponse

from spendwatch.pages import render
from tests.spendwatch.web.served import LISTEN, a_server

FORM = '<form method="post" action="{to}"><button>Acknowledge</button></form>'


async def form(request: Request) -> HTMLResponse:
    """A page of ours that changes something once its button is pressed."""
    if request.method == "POST":
        return HTMLResponse(render("web/told.html", title="Done", words="It is yours now."))
    page = render("web/told.html", title="One alert", words="X")
    return HTMLResponse(page.replace("<p>X</p>", FORM.format(to="/form")))


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    with a_server(tmp_path_factory.mktemp("web"), LISTEN, routes=[("/form", form)]) as served:
        yield served


def pressed(tab):
    """Press the one button there is; return the title of what comes."""
    tab.value("document.querySelector('button').click()")
    tab.wait_for("document.readyState === 'complete' && !document.querySelector('button')")
    return tab.value("document.querySelector('h1').innerText")


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [320, 390, 1280])
def test_a_page_fits_its_window_and_has_its_style(tab, served, width, dark):
    del tab.complaints[:], tab.asked[:]
    tab.open(f"{served.server.address}/form", width, dark=dark)
    assert tab.value("document.documentElement.scrollWidth") == width
    back = tab.value("getComputedStyle(document.body).backgroundColor")
    assert back == ("rgb(13, 17, 23)" if dark else "rgb(255, 255, 255)")
    assert tab.value("document.querySelector('button').offsetHeight") >= 44, "for a thumb"
    assert tab.complaints == []
    assert all(each.startswith(served.server.address) for each in tab.asked)


def test_fault_95_a_form_of_ours_is_taken_and_one_of_another_site_is_not(tab, served, tmp_path):
    address = f"{served.server.address}/form"
    tab.open(address, 390)
    assert pressed(tab) == "Done", "though our pages tell nobody where they were"
    other = tmp_path / "other.html"
    other.write_text(FORM.format(to=address))
    tab.open(other, 390)
    assert pressed(tab) == "Not from there"
    posts = [each for each in served.logged("web_request") if each["method"] == "POST"]
    assert [each["status"] for each in posts] == [200, 403]
