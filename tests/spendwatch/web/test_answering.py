"""A mail is answered on the page that it leads to, by a person, and by nothing else."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from alerts.links import LinkRefused, Purpose
from alerts.model import AlertState, Verb, Verdict
from spendwatch.mail_replies import Replies
from spendwatch.settings import load_settings
from tests.spendwatch.web.mailed import ANN, BOB, ENVIRON, PUBLIC, mailed

DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    with mailed(tmp_path_factory.mktemp("mailed")) as found:
        yield found


@pytest.fixture
def desk(installed):
    """The same alert, open again, for each test."""
    begun = installed.place.now
    yield installed
    installed.place.now = begun + timedelta(minutes=1)
    if installed.alert().state is not AlertState.OPEN:
        installed.answer(installed.link(), "undo", reply=installed.replies()[-1].number)
        assert installed.alert().state is AlertState.OPEN
    installed.place.now = begun + timedelta(minutes=2)


def test_a_mail_is_acknowledged_with_two_presses_and_says_by_whom(desk):
    path = desk.link()
    shown = desk.get(path)
    assert shown.status == 200
    assert "acme: $900" in shown.text
    assert "<button>Acknowledge</button>" in shown.text
    answered = desk.answer(path, "acknowledge")
    assert (answered.status, answered.headers["location"]) == (303, f"{path}/1")
    assert desk.alert().state is AlertState.ACKNOWLEDGED
    assert desk.replies()[-1].actor == f"{ANN} (by mail)"
    after = desk.get(f"{path}/1").text
    assert f"{ANN} (by mail) acknowledged it on" in after
    assert "Undo" in after
    assert "<button>Acknowledge</button>" not in after


def test_a_reload_or_a_second_press_answers_once(desk):
    path = desk.link()
    page, before = desk.page(path), len(desk.replies())
    fields = {"page": page, "do": "acknowledge"}
    assert [desk.post(f"{path}/1", fields).status for _ in range(3)] == [303, 303, 303]
    assert len(desk.replies()) == before + 1


def test_of_two_people_the_second_is_told_who_was_first(desk):
    desk.answer(desk.link(ANN), "acknowledge")
    second = desk.answer(desk.link(BOB), "acknowledge")
    assert second.status == 409
    assert f"already acknowledged, by {ANN} (by mail)" in second.text


def test_a_dismissal_takes_a_verdict_and_a_note(desk):
    path = desk.link()
    assert "it was planned, or happens once" in desk.get(path).text
    answered = desk.answer(path, "dismiss", verdict="expected", note="a load test")
    assert answered.status == 303
    reply = desk.replies()[-1]
    assert (reply.verb, reply.verdict, reply.note) == (
        Verb.DISMISS,
        Verdict.EXPECTED,
        "a load test",
    )


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "choose one of them"),
        ({"verdict": "nonsense"}, "choose one of them"),
        ({"verdict": "expected", "note": "x" * 1001}, "at most 1,000 letters; these are 1,001"),
        ({"verdict": "expected", "until": "yesterday"}, "yesterday"),
        ({"verdict": "expected", "until": "2020-01-01"}, "That does not fit this alert."),
    ],
)
def test_a_form_that_lacks_something_says_what(desk, fields, words):
    refused = desk.answer(desk.link(), "dismiss", **fields)
    assert refused.status == 409
    assert words in refused.text
    assert desk.alert().state is AlertState.OPEN


def test_a_snooze_is_for_one_of_the_times_that_are_offered(desk):
    path = desk.link()
    assert desk.answer(path, "snooze", hours="5").status == 409
    assert desk.answer(path, "snooze", hours="4").status == 303
    assert desk.alert().snoozed_until - desk.place.now == timedelta(hours=4)


def test_fault_84_an_answer_is_taken_back_for_seven_days_and_then_no_more(desk):
    path = desk.link()
    desk.answer(path, "acknowledge")
    number = desk.replies()[-1].number
    desk.wait(6 * DAY)
    assert desk.answer(path, "undo", reply=number).status == 303
    assert desk.alert().state is AlertState.OPEN


def test_fault_89_after_seven_days_a_mail_is_answered_no_more_and_undone_still(desk):
    path = desk.link()
    desk.wait(6 * DAY)
    desk.answer(path, "acknowledge")
    desk.wait(2 * DAY)
    shown = desk.get(path).text
    assert "Undo" in shown
    assert "Dismiss" not in shown
    refused = desk.answer(path, "dismiss", verdict="expected")
    assert refused.status == 409
    assert "A mail can be answered for 7 days" in refused.text


def test_fault_89_an_expired_link_says_so_and_does_nothing(desk):
    path = desk.link()
    desk.wait(15 * DAY)
    assert desk.get(path).status == 410
    assert "This link has expired" in desk.get(path).text
    assert desk.post(f"{path}/1", {"page": "x", "do": "acknowledge"}).status == 410
    assert desk.alert().state is AlertState.OPEN


def test_fault_89_a_bit_that_is_flipped_or_another_purpose_is_unknown(desk):
    path, unsubscribe = desk.link(), desk.link(kind="u")
    changed = path[:-3] + ("A" if path[-3] != "A" else "B") + path[-2:]
    for other in (changed, unsubscribe.replace("/u/", "/a/"), "/a/1", "/a/x.y.z"):
        refused = desk.get(other)
        assert refused.status == 404
        assert "acme" not in refused.text
    assert desk.get(path.replace("/a/", "/u/")).status == 404


def test_fault_89_another_recipients_page_is_of_no_use(desk):
    page = desk.page(desk.link(BOB))
    refused = desk.post(f"{desk.link(ANN)}/1", {"page": page, "do": "acknowledge"})
    assert refused.status == 404
    assert desk.alert().state is AlertState.OPEN


def test_fault_89_an_undo_that_is_sent_again_undoes_nothing_else(desk):
    path = desk.link()
    desk.answer(path, "acknowledge")
    number = desk.replies()[-1].number
    desk.answer(path, "undo", reply=number)
    desk.answer(path, "snooze", hours="1")
    desk.answer(path, "undo", reply=number)
    assert desk.alert().state is AlertState.SNOOZED


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_fault_90_whoever_only_looks_changes_nothing_however_often(desk, method):
    before, state = len(desk.replies()), desk.alert()
    for path in (desk.link(), f"{desk.link()}/1", desk.link(kind="u")):
        for _ in range(50):
            desk.get(path, method)
    assert len(desk.replies()) == before
    assert desk.alert() == state


def test_fault_90_a_program_that_sends_the_form_off_at_once_answers_nothing(desk):
    path = desk.link()
    shown = desk.get(path).text
    page = shown.partition('name="page" value="')[2].partition('"')[0]
    refused = desk.post(f"{path}/1", {"page": page, "do": "acknowledge"})
    assert refused.status == 409
    assert "please press again" in refused.text
    assert desk.alert().state is AlertState.OPEN


def test_fault_90_a_form_that_no_page_has_shown_answers_nothing(desk):
    path = desk.link()
    token = path.removeprefix("/a/")
    for page in ("", "x", token, desk.link(kind="u").removeprefix("/u/")):
        assert desk.post(f"{path}/1", {"page": page, "do": "acknowledge"}).status == 404
    assert desk.post(f"{path}/1", {"do": "acknowledge"}).status == 400
    assert desk.alert().state is AlertState.OPEN


def test_fault_95_another_site_cannot_send_the_form(desk):
    path = desk.link()
    fields = {"page": desk.page(path), "do": "acknowledge"}
    elsewhere = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    assert desk.post(f"{path}/1", fields, **elsewhere).status == 403
    assert desk.alert().state is AlertState.OPEN


@pytest.mark.parametrize("number", ["2", "0", "x", "9" * 30, "1.5", "%2e%2e"])
def test_fault_94_an_alert_that_the_mail_did_not_tell_of_is_not_there(desk, number):
    path = desk.link()
    for method in ("GET", "POST"):
        asked = {"GET": desk.get, "POST": lambda it: desk.post(it, {"page": "x", "do": "undo"})}
        refused = asked[method](f"{path}/{number}")
        assert refused.status in (400, 404)
        assert "$900" not in refused.text


def test_the_page_has_the_headers_of_all_pages_and_asks_for_its_style_and_chart_alone(desk):
    shown = desk.get(desk.link())
    assert shown.headers["cache-control"] == "no-store"
    assert shown.headers["referrer-policy"] == "no-referrer"
    assert "script" not in shown.text
    assert "style=" not in shown.text
    assert desk.get(f"{desk.link()}/1/chart.png", "HEAD").headers["content-type"] == "image/png"


def test_who_was_taken_out_of_the_settings_can_do_nothing_with_an_old_link(tmp_path):
    with mailed(tmp_path) as desk:
        path = desk.link(BOB)
        text = desk.place.config.read_text(encoding="utf-8").replace(f', "{BOB}"', "")
        desk.place.config.write_text(text, encoding="utf-8")
        app = replace(desk.served.app, settings=load_settings(desk.place.config, ENVIRON))
        with pytest.raises(LinkRefused, match="does not get these mails any more"):
            Replies(app).reader(Purpose.ANSWER, path.removeprefix("/a/"))


def test_fault_91_one_press_ends_the_mails_of_that_recipient_alone_and_is_reported(tmp_path):
    with mailed(tmp_path) as desk:
        path = desk.link(ANN, "u")
        mail = desk.mail.to(ANN)[-1]
        assert mail["List-Unsubscribe"] == f"<{PUBLIC}{path}>"
        before = desk.alert()
        one_click = {"List-Unsubscribe": "One-Click"}
        first, again = (desk.post(path, one_click) for _ in range(2))
        assert (first.status, again.status) == (200, 200)
        assert first.text == again.text
        assert f"{ANN} gets no more mails" in first.text
        assert desk.alert() == before
        desk.deliver()
        assert f"{ANN} gets no more mail of people" in desk.place.told.getvalue()
        assert desk.place.told.getvalue().count("gets no more mail of people") == 1
        back = desk.post(path, {"do": "subscribe"})
        assert f"{ANN} gets the mails that go to people" in back.text


def test_a_mail_about_many_alerts_leads_to_a_list_and_each_is_answered_by_itself(tmp_path):
    tenants = tuple(f"tenant-{number}" for number in range(7))
    with mailed(tmp_path, tenants) as desk:
        path = desk.link()
        shown = desk.get(path).text
        assert shown.count("<a href=") == 7
        assert desk.get(f"{path}/3").status == 200
        page = desk.page(f"{path}/3")
        desk.post(f"{path}/3", {"page": page, "do": "acknowledge"})
        states = [desk.alert(number).state for number in (2, 3, 4)]
        assert states == [AlertState.OPEN, AlertState.ACKNOWLEDGED, AlertState.OPEN]


def test_links_of_an_old_key_are_good_while_it_is_among_the_keys(tmp_path):
    old, new = "o" * 40, "n" * 40
    with mailed(tmp_path, environ={"SPENDWATCH_WEB__SIGNING_KEYS": f"{new} {old}"}) as desk:
        assert desk.get(desk.link()).status == 200


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "{{7*7}}", '" onload="x'])
def test_fault_92_names_are_inert_on_the_pages(tmp_path, name):
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    more = f'\n[[tenants]]\nid = "acme"\nname = "{quoted}"\n'
    with mailed(tmp_path, more=more) as desk:
        shown = desk.get(desk.link()).text
        assert "<script>" not in shown
        assert "49" not in shown.partition("$900")[0]
        assert 'onload="x' not in shown.replace("&#34;", "'")
