"""A message as a mail: plain text first, the same as HTML, and nothing that has to be fetched.

Tables and inline styles alone, since mail programs know little else; the colours are readable on
white and on black. Mails about one alert hang together by the id of the first, and its subject.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from hashlib import sha256
from html import escape
from typing import TYPE_CHECKING

from alerts.letters import cut, one_line
from alerts.notice import Action
from alerts.render.text import render_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from alerts.notice import Message, Notification, Picture

SUBJECT = 120
"""Characters; a phone shows 40 of them, and the first say whether to act."""
_LISTED = 50
_WIDTH = 72
_TONES = {"critical": "#c62828", "warning": "#b26a00", "notice": "#1565c0", "calm": "#2e7d32"}
_FONT = "font-family:-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif"
_GREY = "#76808a"
_CHART = "<chart>"
_POLICY = SMTP.clone(cte_type="7bit")  # a server need not know more


@dataclass(frozen=True, slots=True)
class Envelope:
    """Whom mails are from and to.

    Attributes
    ----------
    sender : str
        As it stands in ``From``: ``spendwatch <alerts@example.com>``.
    recipient : str
        One address: a mail is never addressed to two, so that nobody learns of others.
    domain : str
        Right of the ``@`` in ids of mails.
    """

    sender: str
    recipient: str
    domain: str


@dataclass(frozen=True, slots=True)
class Links:
    """Where a mail leads its one recipient.

    Attributes
    ----------
    answer : str
        A page on which the alert can be answered; empty where mails cannot be answered.
    unsubscribe : str
        What is posted to in order to get no more of these mails; empty where nobody listens.
    """

    answer: str = ""
    unsubscribe: str = ""


def render_mail(
    notification: Notification,
    envelope: Envelope,
    links: Links = Links(),
    picture: Picture | None = None,
) -> EmailMessage:
    """Return the mail of a notification, the same one each time.

    Parameters
    ----------
    notification : Notification
    envelope : Envelope
    links : Links, optional
    picture : Picture, optional
        Shown inside the mail, with what it shows in words beside it.

    Returns
    -------
    EmailMessage
    """
    message = _with_answers(notification.message, links)
    mail = EmailMessage(policy=_POLICY)
    mail["From"], mail["To"] = envelope.sender, envelope.recipient
    mail["Subject"] = subject_of(notification)
    mail["Date"] = format_datetime(notification.created_at)
    mail["Message-ID"] = message_id(notification.key, envelope)
    if notification.first:
        mail["In-Reply-To"] = mail["References"] = notification.first.reference
    # Nobody's out-of-office answers these: RFC 3834, and what Exchange looks at.
    mail["Auto-Submitted"], mail["X-Auto-Response-Suppress"] = "auto-generated", "All"
    mail["List-Id"] = f"spendwatch alerts <alerts.{envelope.domain}>"
    if links.unsubscribe:  # RFC 8058
        mail["List-Unsubscribe"] = f"<{links.unsubscribe}>"
        mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    mail.set_content(_text(message, links))
    mail.add_alternative(render_html(message, links, picture), subtype="html")
    html = mail.get_body(("html",))
    if picture and isinstance(html, EmailMessage):
        html.add_related(
            picture.png, "image", "png", cid=_CHART, filename="chart.png", disposition="inline"
        )
    _part_alike(mail)
    return mail


def _part_alike(mail: EmailMessage) -> None:
    """Part the mail at lines that are the same for each try, instead of at random ones."""
    name = sha256(str(mail["Message-ID"]).encode()).hexdigest()[:32]
    wholes = [part for part in mail.walk() if part.is_multipart()]
    for number, part in enumerate(wholes):
        part.set_boundary(f"=={name}-{number}==")


def subject_of(notification: Notification) -> str:
    """Return the subject: the title in one line; of what follows, a reply to what came first.

    Parameters
    ----------
    notification : Notification
    """
    first = notification.first
    title = cut(one_line(first.title if first else notification.message.title), SUBJECT)
    return f"Re: {title}" if first else title


def message_id(key: str, envelope: Envelope) -> str:
    """Return the id of a mail, from its key and recipient alone: a retry has the same.

    Parameters
    ----------
    key : str
        Of the notification.
    envelope : Envelope

    Examples
    --------
    >>> message_id("k", Envelope("a@example.com", "b@example.com", "example.com"))
    '<57c2536ed7dd9341409e09019b3be093@example.com>'
    """
    told = sha256(f"{key}\n{envelope.recipient}".encode()).hexdigest()[:32]
    return f"<{told}@{envelope.domain}>"


def render_html(message: Message, links: Links = Links(), picture: Picture | None = None) -> str:
    """Return a message as a page for mail programs.

    Parameters
    ----------
    message : Message
    links : Links, optional
    picture : Picture, optional
    """
    return "\n".join(
        (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width">'
            '<meta name="color-scheme" content="light dark">'
            f"<title>{escape(message.title)}</title></head>",
            f'<body style="margin:0;padding:12px;{_FONT};font-size:15px;line-height:1.45">',
            '<table role="presentation" width="100%" style="max-width:600px" cellpadding="0">',
            *_rows(message, links, picture),
            "</table></body></html>",
        )
    )


def _with_answers(message: Message, links: Links) -> Message:
    """Put a page on which it can be answered in place of the commands that do the same."""
    if not links.answer or not message.about:
        return message
    return replace(message, actions=(Action("answer it", links.answer),))


def _text(message: Message, links: Links) -> str:
    shown = [render_text(message, colour=False, width=_WIDTH)]
    shown += [f"  {each}" for each in message.listed[:_LISTED]]
    shown += [f"\nno more of these mails: {links.unsubscribe}"] if links.unsubscribe else []
    return "\n".join(shown) + "\n"


def _rows(message: Message, links: Links, picture: Picture | None) -> Iterator[str]:
    colour = _TONES[message.tone]
    yield (
        f'<tr><td style="border-left:6px solid {colour};padding:2px 12px;font-size:18px">'
        f"<strong>{escape(message.title)}</strong></td></tr>"
    )
    for line in message.lines:
        label = f'<span style="color:{_GREY}">{escape(line.label)}</span><br>'
        yield _row(f"{label}{escape(line.text)}")
    if message.listed:
        yield _row("<br>".join(map(escape, message.listed[:_LISTED])))
    yield _row("".join(_ways_on(message, links)))
    if picture:
        words = escape(picture.words, quote=True)
        yield (
            '<tr><td style="padding:14px 0 0 0"><img src="cid:chart" width="100%" '
            f'style="max-width:600px" alt="{words}"></td></tr>'
        )
    yield _row(f'<span style="color:{_GREY};font-size:13px">{_footer(message, links)}</span>')


def _row(html: str) -> str:
    return f'<tr><td style="padding:10px 0 0 18px">{html}</td></tr>'


def _ways_on(message: Message, links: Links) -> Iterator[str]:
    """Show a button that leads to the answers, or the commands that give them."""
    if links.answer and message.about:
        colour = _TONES["notice"]
        yield (
            f'<a href="{escape(links.answer, quote=True)}" style="display:inline-block;'
            f"padding:12px 20px;border-radius:6px;background:{colour};color:#ffffff;"
            'text-decoration:none;font-weight:bold">Answer this alert</a>'
        )
        return
    for action in message.actions:
        command = f'<code style="font-size:13px">{escape(action.command)}</code>'
        yield f"{escape(action.label)}: {command}<br>"


def _footer(message: Message, links: Links) -> str:
    said = escape(message.reference)
    if not links.unsubscribe:
        return said
    address = escape(links.unsubscribe, quote=True)
    return f'{said} · <a href="{address}" style="color:{_GREY}">no more of these mails</a>'
