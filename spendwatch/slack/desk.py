"""The one that takes what people do in Slack, however it came, and answers it.

An answer is committed before Slack is told that it was taken; what cannot be saved in time is said
to be not saved. What is shown to people comes after that, and may fail without harm. What is typed
may take longer than Slack waits: Slack is told that it came, and the person is answered afterwards.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from alerts import postings, store
from alerts.channels.slack_account import OTHER, SlackFailure
from alerts.lifecycle import ReplyRefused
from alerts.model import Verb
from alerts.names import safe_name
from alerts.notice import Receipt
from alerts.render.slack import LIST, OPEN, SNOOZES, read_value
from alerts.render.slack_views import Place
from alerts.replies import Answer, answer, require_alert
from spendwatch import conversion
from spendwatch.db import DatabaseError, reading, writing
from spendwatch.settings_slack import SlackReceiver
from spendwatch.slack import pages
from spendwatch.slack.commands import typed
from spendwatch.slack.forms import dismissal_of, form_problems, misfit
from spendwatch.slack.payloads import Command, HomeOpened, Press, Submission, read

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

    from alerts.channels.slack_account import SlackAccount
    from alerts.model import Alert
    from alerts.showing import Showing
    from spendwatch.app import App
    from spendwatch.slack.allowing import Allowed
    from spendwatch.slack.payloads import Deed, Person

    Then = Callable[[], None]
    D = TypeVar("D", bound=Deed)

UNKNOWN = "this alert is not known here, or it is not yours to answer"
NOT_SAVED = "not saved, try again"
_WORDS = 200


@dataclass(frozen=True, slots=True)
class Reaction:
    """What Slack is told at once, and what is done after that.

    Attributes
    ----------
    work : tuple of callable
        Done first, and finished also when nobody listens any more.
    then : tuple of callable
        Shows to people what was done; may fail, or be left out, without harm.
    """

    response: dict[str, Any] | None = None
    work: tuple[Then, ...] = field(default=())
    then: tuple[Then, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Desk:
    """Everything a deed may need; the engine of ``app`` waits for no longer than people do."""

    app: App
    account: SlackAccount
    showing: Showing
    allowed: Allowed
    log: FilteringBoundLogger

    def receive(self, kind: str, payload: Any) -> Reaction:
        """Take one deed; never raises, whatever it is."""
        deed = read(kind, payload)
        if deed is None:
            self.log.warning("slack_deed_ignored", kind=kind[:40])
            return Reaction()
        if refusal := self.allowed.refusal(deed):
            self.log.warning("slack_deed_refused", person=deed.person.id, why=refusal)
            return self._say(deed, refusal)
        return self._safely(deed, self._take)

    def _safely(self, deed: D, take: Callable[[D], Reaction]) -> Reaction:
        """Take a deed, and say so where that fails."""
        try:
            return take(deed)
        except DatabaseError as error:
            self.log.warning("slack_answer_not_saved", person=deed.person.id, error=str(error))
            return self._say(deed, NOT_SAVED)
        except Exception as error:
            self.log.exception("slack_deed_failed", person=deed.person.id, error=str(error))
            return self._say(deed, "that went wrong here and was not done; it is in the log")

    def _take(self, deed: Deed) -> Reaction:
        if isinstance(deed, Press):
            return self._pressed(deed)
        if isinstance(deed, Submission):
            return self._submitted(deed)
        if isinstance(deed, HomeOpened):
            return Reaction(then=(partial(self._show_home, deed.person),))
        return Reaction(work=(partial(self._do, deed),))

    def _pressed(self, press: Press) -> Reaction:
        if press.action == LIST:
            return Reaction(then=(partial(self._open_list, press),))
        found = read_value(press.value)
        if found is None:
            self.log.warning("slack_deed_ignored", kind=press.action[:40])
            return Reaction()
        number, more = found
        alert = self._alert(number, press.person)
        if alert is None:
            return self._say(press, UNKNOWN)
        if press.action == OPEN:
            return Reaction(then=(partial(self._open_story, press, alert),))
        if press.action == Verb.DISMISS:
            return Reaction(then=(partial(self._open_dismissal, press, alert),))
        given = _given(press, more, self.app)
        return self._answered(press, alert, given) if given else Reaction()

    def _answered(self, press: Press, alert: Alert, given: Answer) -> Reaction:
        try:
            repeated = self._store(alert.number, given)
        except ReplyRefused as refusal:
            said = self._refused(press, refusal)
            return Reaction(then=(self._refreshed(press, alert), *said.then))
        said = self._say(press, repeated) if repeated else Reaction()
        told_anew = (partial(self._renew_story, press, alert),) if press.modal else ()
        return Reaction(then=(self._refreshed(press, alert), *told_anew, *said.then))

    def _submitted(self, form: Submission) -> Reaction:
        number = form.place.alert_number
        if problems := form_problems(form):
            return _corrected(problems)
        alert = self._alert(number, form.person)
        if alert is None:
            return self._say(form, UNKNOWN)
        if problems := misfit(form, alert, self.app.clock()):
            return _corrected(problems)
        try:
            self._store(number, dismissal_of(form))
        except ReplyRefused as refusal:
            return self._refused(form, refusal)
        return Reaction(then=(partial(self._show, number),))

    def _store(self, number: int, given: Answer) -> str:
        """Commit an answer; return what the person should know beyond what the message shows."""
        teaching = conversion.teaching(self.app.settings)
        with writing(self.app.engine) as session:
            answered = answer(session, number, given, self.app.clock(), teaching)
        self.log.info("slack_answer_saved", alert=number, verb=given.verb.value, actor=given.actor)
        over = answered.reply.from_state is answered.alert.state and answered.alert.ended
        return answered.words if over else ""

    def _refused(self, deed: Deed, refusal: ReplyRefused) -> Reaction:
        self.log.info("slack_answer_refused", person=deed.person.id, why=str(refusal))
        return self._say(deed, str(refusal))

    def _alert(self, number: int, person: Person) -> Alert | None:
        """Return an alert if this person may answer it; who asks for another learns nothing."""
        with reading(self.app.engine) as session:
            alert = store.get_alert(session, number)
        if alert is None or not self.allowed.may_answer(person, alert.tenant):
            self.log.warning("slack_deed_refused", person=person.id, alert=number)
            return None
        return alert

    def _do(self, command: Command) -> None:
        """Do what was typed, and answer whoever typed it, wherever Slack takes that."""
        said = self._safely(command, self._typed).response or {}
        try:
            self.account.respond(command.response_url, said)
        except SlackFailure as failure:
            self.log.warning("slack_answered_otherwise", error=str(failure))
            place = {"channel": command.channel, "user": command.person.id}
            self._tell_one(command.person, "chat_postEphemeral", **place, **_without_type(said))

    def _typed(self, command: Command) -> Reaction:
        said = typed(self.app, self.allowed, command.person, command.text)
        return Reaction(_only_for_them(said))

    def _refreshed(self, press: Press, alert: Alert) -> Then:
        """Bring the message of an alert up to date, also one that nothing here remembers."""
        return partial(self._show, alert.number, press.channel, press.ts)

    def _show(self, number: int, channel: str = "", ts: str = "") -> None:
        if channel and ts:
            self._remember(number, channel, ts)
        _, errors = self.showing.show(number)
        for error in errors:
            self.log.warning("message_not_updated", error=error)

    def _remember(self, number: int, channel: str, ts: str) -> None:
        """Note a message that stands for an alert where none is known, as after a restore."""
        receiver = next(
            (
                each.name
                for each in self.app.settings.receivers
                if isinstance(each, SlackReceiver) and each.conversation == channel
            ),
            "",
        )
        if receiver:
            receipt = Receipt(receiver, f"{channel}:{ts}", self.app.clock(), stands=True)
            with writing(self.app.engine) as session:
                postings.adopt(session, number, receipt)

    def _open_story(self, press: Press, alert: Alert) -> None:
        view = pages.story(self.app, alert, Place(alert.number, press.channel, press.ts))
        self._open(press, view, f"spendwatch alerts why {alert.number}")

    def _renew_story(self, press: Press, alert: Alert) -> None:
        """Show in the open story what was just answered there."""
        with reading(self.app.engine) as session:
            alert = require_alert(session, alert.number)
        view = pages.story(self.app, alert, press.place or Place(alert.number))
        try:
            self.account.call(OTHER, "views_update", view_id=press.modal, view=view)
        except SlackFailure as failure:
            self.log.warning("slack_view_not_renewed", error=str(failure))

    def _open_dismissal(self, press: Press, alert: Alert) -> None:
        view = pages.dismissal(self.app, alert, Place(alert.number, press.channel, press.ts))
        self._open(press, view, f"spendwatch alerts dismiss {alert.number}")

    def _open_list(self, press: Press) -> None:
        view = pages.alerts_of(self.app, self.allowed, press)
        self._open(press, view, "spendwatch alerts list")

    def _open(self, press: Press, view: dict[str, Any], instead: str) -> None:
        """Open a view, on top of another where the press was in one; else say what to do."""
        try:
            self.account.call(OTHER, _method_to_open(press), trigger_id=press.trigger, view=view)
        except SlackFailure as failure:
            self.log.warning("slack_view_not_opened", error=str(failure))
            self._whisper(press, f"{_why_not_opened(failure)}; press again, or: {instead}")

    def _show_home(self, person: Person) -> None:
        view = pages.home(self.app, self.allowed, person)
        try:
            self.account.call(OTHER, "views_publish", user_id=person.id, view=view)
        except SlackFailure as failure:
            self.log.warning("slack_home_not_shown", error=str(failure))

    def _say(self, deed: Deed, words: str) -> Reaction:
        """Tell one person something that nobody else sees."""
        if isinstance(deed, Submission):
            return _corrected({deed.verdict_block: words})
        if isinstance(deed, Command):
            return Reaction(_only_for_them(words))
        if isinstance(deed, HomeOpened):
            return Reaction()
        return Reaction(then=(partial(self._whisper, deed, words),))

    def _whisper(self, press: Press, words: str) -> None:
        if press.channel:
            place = {"channel": press.channel, "user": press.person.id}
            said = pages.whispered(words)
            self._tell_one(press.person, "chat_postEphemeral", **place, **said)
        else:
            view, method = pages.notice(words), _method_to_open(press)
            self._tell_one(press.person, method, trigger_id=press.trigger, view=view)

    def _tell_one(self, person: Person, method: str, **arguments: Any) -> None:
        try:
            self.account.call(OTHER, method, **arguments)
        except SlackFailure as failure:
            self.log.warning("slack_person_not_told", person=person.id, error=str(failure))


def _method_to_open(press: Press) -> str:
    """Return how a view opens: on top of the modal that was pressed in; the home page is none."""
    return "views_push" if press.modal else "views_open"


def _corrected(problems: dict[str, str]) -> Reaction:
    """Keep a form open, with what is wrong below each field."""
    return Reaction({"response_action": "errors", "errors": problems})


def _why_not_opened(failure: SlackFailure) -> str:
    """Say why no view opened: a press is good for three seconds, and for one view."""
    fault = failure.fault
    if fault.words.startswith(_TOO_LATE):
        return "that took too long to open"
    return f"Slack did not open that ({safe_name(fault.words, _WORDS)})"


_TOO_LATE = ("expired_trigger_id", "exchanged_trigger_id", "no answer: TimeoutError")


def _only_for_them(words: str) -> dict[str, Any]:
    return {_TYPE: "ephemeral", **pages.whispered(words)}


def _without_type(said: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in said.items() if name != _TYPE}


_TYPE = "response_type"


def _given(press: Press, more: int | None, app: App) -> Answer | None:
    """Turn a press into the answer it gives; None for a button that is none of ours."""
    actor = press.person.actor
    if press.action == Verb.ACKNOWLEDGE:
        return Answer(Verb.ACKNOWLEDGE, actor)
    if press.action == Verb.UNDO:
        return Answer(Verb.UNDO, actor, undoes=more)
    hours = {span.total_seconds() / 3600: span for span in SNOOZES.values()}
    if press.action == Verb.SNOOZE and more in hours:
        return Answer(Verb.SNOOZE, actor, until=app.clock() + hours[more])
    return None
