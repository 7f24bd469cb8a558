"""What somebody who followed a link from a mail is shown, and what they answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING

from alerts import outbox, recipients, store
from alerts.links import LinkUnknown, Purpose, Signing
from alerts.model import Reason, Verb, Verdict
from alerts.notice import Notification
from alerts.render.slack import SNOOZES
from alerts.replies import Answer, answer, require_alert
from alerts.service_words import unsubscribed_message
from alerts.showing import Known, present
from alerts.verdicts import preview
from spendwatch import conversion
from spendwatch.charts import chart_of
from spendwatch.db import reading, writing
from spendwatch.forms import UNTIL, Dismissal
from spendwatch.mail_links import reader_of
from spendwatch.moments import local_words
from spendwatch.situation import display_names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlmodel import Session

    from alerts.model import Alert
    from alerts.notice import Message, Picture
    from alerts.verdicts import Preview
    from spendwatch.app import App
    from spendwatch.mail_links import Reader

ANSWERED_WITHIN = timedelta(days=7)
"""So long after a mail it can be answered; what it answered is undone for seven days more."""
LEAST_S = 1.0
"""A form that comes back sooner than this was filled in by no person."""
HOURS = {lasts // timedelta(hours=1): said for said, lasts in SNOOZES.items()}


@dataclass(frozen=True, slots=True)
class Shown:
    """One alert as its page shows it.

    Attributes
    ----------
    may : frozenset of Verb
        Which answers it takes now.
    undoes : int or None
        The reply that an undo would take back.
    previews : sequence of Preview
        What each verdict would do; empty where it cannot be dismissed.
    """

    number: int
    message: Message
    may: frozenset[Verb]
    undoes: int | None
    previews: Sequence[Preview] = ()
    many: bool = False


class Refused(Exception):  # noqa: N818 - as a reply that is refused
    """An answer is not taken; the words, and those for each field, are for whoever gave it."""

    def __init__(self, words: str, fields: Mapping[str, str] = MappingProxyType({})) -> None:
        super().__init__(words)
        self.fields = fields


@dataclass(frozen=True, slots=True)
class Replies:
    """Answers given by mail; the engine of ``app`` waits for no longer than people do."""

    app: App

    def reader(self, purpose: Purpose, token: str) -> Reader:
        """Return who has followed a link; raises LinkRefused."""
        link = self._signing.read(purpose, token, self.app.clock())
        with reading(self.app.engine) as session:
            return reader_of(session, self.app.settings, link)

    def form(self, token: str) -> str:
        """Return what a form of a page carries, so that a page must have been shown before."""
        link = self._signing.read(Purpose.ANSWER, token, self.app.clock())
        return self._signing.token(Purpose.FORM, link.number, self.app.clock())

    def titles(self, reader: Reader) -> list[tuple[int, str, str]]:
        """List the alerts of a mail about many: number, title, state."""
        with reading(self.app.engine) as session:
            known = self._known(session)
            alerts = [store.get_alert(session, number) for number in reader.about]
            return [
                (each.number, present(session, each, "", known).message.title, each.state.value)
                for each in alerts
                if each
            ]

    def show(self, reader: Reader, number: int) -> Shown:
        """Return one alert as it stands; raises LinkUnknown for one that the mail did not tell."""
        app, now = self.app, self.app.clock()
        with reading(app.engine) as session:
            alert = self._alert(session, reader, number)
            known = self._known(session)
            message = present(session, alert, "", known).message
            others = store.list_alerts(session, tenant=alert.tenant, kind=alert.kind)
        may = {action.verb for action in message.actions if action.verb}
        undoes = next((each.undoes for each in message.actions if each.verb is Verb.UNDO), None)
        open_for_answers = now <= reader.mailed_at + ANSWERED_WITHIN
        allowed = frozenset(may if open_for_answers else may & {Verb.UNDO})
        seen: list[Preview] = []
        if Verb.DISMISS in allowed:
            teaching, name = known.teaching, known.names.get(alert.tenant, alert.tenant)
            seen = [preview(alert, each, others, now, teaching, name) for each in Verdict]
        return Shown(number, message, allowed, undoes, seen, many=len(reader.about) > 1)

    def picture(self, reader: Reader, number: int) -> Picture | None:
        """Draw what an alert is about; None where nothing is known of its days."""
        with reading(self.app.engine) as session:
            alert = self._alert(session, reader, number)
            now_so = present(session, alert, "", self._known(session))
        return chart_of(self.app, now_so)

    def answer(self, token: str, number: int, fields: Mapping[str, str]) -> Reader:
        """Take an answer from a form; raises LinkRefused, Refused or ReplyRefused."""
        reader = self.reader(Purpose.ANSWER, token)
        _require_told(reader, number)
        self._require_page(token, fields)
        given = self._given(reader, number, fields)
        teaching = conversion.teaching(self.app.settings)
        with writing(self.app.engine) as session:
            answer(session, number, given, self.app.clock(), teaching)
        return reader

    def unsubscribe(self, token: str) -> Reader:
        """Send whoever followed the link no more of these mails; raises LinkRefused."""
        reader, now = self.reader(Purpose.UNSUBSCRIBE, token), self.app.clock()
        default = self.app.directory.routes.default
        with writing(self.app.engine) as session:
            if recipients.unsubscribe(session, reader.receiver, reader.address, now):
                told = unsubscribed_message(reader.receiver, reader.address)
                # Once a day: who changes their mind again and again is told of no more often.
                key = f"unsubscribed:{reader.receiver}:{reader.address}:{now.date()}"
                notice = Notification(key, None, default, Reason.SERVICE, told, now)
                outbox.add_once(session, notice)
        return reader

    def subscribe(self, token: str) -> Reader:
        """Take that back; raises LinkRefused."""
        reader = self.reader(Purpose.UNSUBSCRIBE, token)
        with writing(self.app.engine) as session:
            recipients.resume(session, reader.receiver, reader.address)
        return reader

    def is_stopped(self, reader: Reader) -> bool:
        """Whether somebody gets no mails any more."""
        with reading(self.app.engine) as session:
            return reader.address in recipients.stopped(session, reader.receiver)

    def moment(self, at: datetime) -> str:
        """Word a moment as people here read it."""
        return local_words(at, self.app.directory.default_zone)

    @property
    def _signing(self) -> Signing:
        return Signing(self.app.settings.web.keys)

    def _known(self, session: Session) -> Known:
        teaching = conversion.teaching(self.app.settings)
        return Known(display_names(self.app, session), teaching)

    def _alert(self, session: Session, reader: Reader, number: int) -> Alert:
        _require_told(reader, number)
        return require_alert(session, number)

    def _require_page(self, token: str, fields: Mapping[str, str]) -> None:
        """Require that the page was shown, for the same mail, and looked at for a moment."""
        now = self.app.clock()
        page = self._signing.read(Purpose.FORM, fields["page"], now)
        if page.number != self._signing.read(Purpose.ANSWER, token, now).number:
            raise LinkUnknown("This page belongs to another mail.")
        if (now - page.given_at).total_seconds() < LEAST_S:
            raise Refused("That came at once; please press again.")

    def _given(self, reader: Reader, number: int, fields: Mapping[str, str]) -> Answer:
        """Read the answer of a form; raises Refused."""
        verb = _verb(fields["do"])
        if verb is not Verb.UNDO and self.app.clock() > reader.mailed_at + ANSWERED_WITHIN:
            raise Refused(
                f"A mail can be answered for {ANSWERED_WITHIN.days} days; this one is from "
                f"{self.moment(reader.mailed_at)}."
            )
        if verb is Verb.DISMISS:
            return self._dismissal(reader, number, fields)
        if verb is Verb.SNOOZE:
            return Answer(verb, reader.actor, until=self.app.clock() + _snooze(fields["hours"]))
        if verb is Verb.UNDO:
            return Answer(verb, reader.actor, undoes=_number(fields["reply"]))
        return Answer(verb, reader.actor)

    def _dismissal(self, reader: Reader, number: int, fields: Mapping[str, str]) -> Answer:
        form = Dismissal(fields.get("verdict", ""), fields.get(UNTIL, ""), fields.get("note", ""))
        if problems := form.problems():
            raise Refused("Something is missing, or is not what it should be.", problems)
        with reading(self.app.engine) as session:
            alert = self._alert(session, reader, number)
        if problems := form.misfit(alert, self.app.clock()):
            raise Refused("That does not fit this alert.", problems)
        return form.answer(reader.actor)


def _require_told(reader: Reader, number: int) -> None:
    if number not in reader.about:
        raise LinkUnknown("This mail told of no such alert.")


def _verb(text: str) -> Verb:
    if text not in {each.value for each in Verb}:
        raise Refused("That is no answer that an alert takes.")
    return Verb(text)


def _snooze(text: str) -> timedelta:
    hours = _number(text)
    if hours not in HOURS:
        raise Refused("That is no time to be quiet for.")
    return timedelta(hours=hours)


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):  # noqa: PLR2004 - of an integer
        raise Refused("That is no number.")
    return int(text)
