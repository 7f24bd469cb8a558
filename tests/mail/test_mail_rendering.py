"""What a mail looks like: its headers, its parts, and what hostile names do to it: nothing."""

from __future__ import annotations

import re
from dataclasses import replace
from email import message_from_bytes, policy

import pytest

from alerts.notice import Headline, Picture
from alerts.render.mail import Envelope, Links, message_id, render_html, render_mail, subject_of
from tests.builders import a_message, a_notification

ENVELOPE = Envelope("spendwatch <alerts@example.com>", "ann@example.com", "example.com")
LINKS = Links("https://spend.example.com/a/token", "https://spend.example.com/u/token")
PICTURE = Picture(b"\x89PNG\r\n\x1a\n", "Spend a day", 'high of "$80" <on> Thu')
HOSTILE = [
    "<!channel>",
    "*b*",
    "<script>alert(1)</script>",
    '=HYPERLINK("https://evil.example")',
    "' or 1=1",
    '"; drop',
    "{{7*7}}",
    "%0d%0aBcc:all@example.com",
    "x\r\nBcc: all@example.com",
    "🔥" * 300,
    "\u202egnp.exe",
    "e\u0301" * 50,
    "",
    "x" * 10_000,
]


def read(mail):
    return message_from_bytes(mail.as_bytes(), policy=policy.default)


def rendered(**more):
    return read(render_mail(a_notification(), ENVELOPE, **more))


def test_a_mail_is_text_first_then_the_same_as_html_with_its_chart_inside():
    mail = rendered(picture=PICTURE)
    assert [part.get_content_type() for part in mail.walk()] == [
        "multipart/alternative",
        "text/plain",
        "multipart/related",
        "text/html",
        "image/png",
    ]
    image = list(mail.walk())[-1]
    assert image["Content-ID"] == "<chart>"
    assert 'src="cid:chart"' in mail.get_body(("html",)).get_content()


def test_the_headers_keep_programs_from_answering_and_name_the_list():
    mail = rendered(links=LINKS)
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["X-Auto-Response-Suppress"] == "All"
    assert mail["List-Id"] == "spendwatch alerts <alerts.example.com>"
    assert mail["List-Unsubscribe"] == "<https://spend.example.com/u/token>"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert mail["Date"] == "Fri, 13 Nov 2026 06:10:00 +0000"
    assert mail["In-Reply-To"] is None


def test_without_a_web_server_there_is_no_link_and_the_commands_say_how_to_answer():
    mail = rendered()
    assert mail["List-Unsubscribe"] is None
    for kind in ("plain", "html"):
        words = mail.get_body((kind,)).get_content()
        assert "spendwatch alerts show 12" in words
        assert "http" not in words


def test_with_one_the_reader_is_led_to_the_page_and_to_no_command():
    message = a_message(about=(12,))
    mail = read(render_mail(replace(a_notification(), message=message), ENVELOPE, LINKS))
    for kind in ("plain", "html"):
        words = mail.get_body((kind,)).get_content()
        assert LINKS.answer in words
        assert LINKS.unsubscribe in words
        assert "spendwatch alerts" not in words


def test_what_follows_hangs_below_the_first_mail_and_keeps_its_subject():
    first = Headline("<first@example.com>", "Acme: $80 on Thu 12 Nov, 4x normal")
    later = replace(a_notification(), first=first, message=a_message(title="Acme: it is over"))
    mail = read(render_mail(later, ENVELOPE))
    assert mail["In-Reply-To"] == mail["References"] == "<first@example.com>"
    assert mail["Subject"] == "Re: Acme: $80 on Thu 12 Nov, 4x normal"
    assert "Acme: it is over" in mail.get_body(("plain",)).get_content()


def test_a_retry_is_the_same_to_the_last_byte():
    one, other = (render_mail(a_notification(), ENVELOPE, LINKS, PICTURE) for _ in range(2))
    assert one.as_bytes() == other.as_bytes()


def test_each_recipient_and_each_message_has_an_id_of_its_own():
    others = replace(ENVELOPE, recipient="bob@example.com")
    ids = {message_id("a", ENVELOPE), message_id("b", ENVELOPE), message_id("a", others)}
    assert len(ids) == 3


def test_nothing_has_to_be_fetched_run_or_filled_in():
    html = render_html(a_message(about=(12,)), LINKS, PICTURE)
    fetched = re.findall(r'(?:src|background|data)="([^"]*)"', html)
    assert fetched == ["cid:chart"]
    for word in ("<script", "<form", "<link", "<iframe", "url(", "@import", "javascript:"):
        assert word not in html
    assert 'alt="high of &quot;$80&quot; &lt;on&gt; Thu"' in html


def test_a_long_list_stays_far_below_what_mail_programs_cut_off():
    message = a_message(listed=tuple(f"{number}. {'x' * 200}" for number in range(1000)))
    assert len(render_html(message, LINKS).encode()) < 100_000


@pytest.mark.parametrize("name", HOSTILE)
def test_fault_92_hostile_names_stay_inert_in_a_mail(name):
    message = a_message(title=f"{name}: $80 on Thu 12 Nov", lines=a_message().lines)
    notification = replace(a_notification(), message=message)
    mail = read(render_mail(notification, ENVELOPE, LINKS, PICTURE))
    assert mail["To"] == "ann@example.com"
    assert mail["Bcc"] is None
    assert len(mail["Subject"]) <= 120
    assert "\n" not in mail["Subject"]
    html = mail.get_body(("html",)).get_content()
    assert "<script" not in html
    assert subject_of(notification).count("\u202e") == 0
