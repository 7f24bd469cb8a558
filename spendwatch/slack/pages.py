"""What is shown to one person in Slack: the story of an alert, a list, a form, the home page."""

from __future__ import annotations

from functools import partial
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from alerts import outbox, store
from alerts.home import AlertEntry, BudgetEntry, HomePage
from alerts.letters import ELLIPSIS, cut, length, one_line
from alerts.messages import alert_message
from alerts.model import AlertState, Change, Verdict
from alerts.notice import Line
from alerts.numbers import count
from alerts.phrases import pace
from alerts.render import slack_limits
from alerts.render.slack import escaped
from alerts.render.slack_home import home_view
from alerts.render.slack_views import dismiss_view, list_view, notice_view, story_view
from alerts.showing import Known, present
from alerts.story import story_of
from alerts.tables import ALERT
from alerts.verdicts import preview
from spendwatch import conversion
from spendwatch.announcement_words import plan_words, silence_words
from spendwatch.budgeting import budget_states
from spendwatch.db import reading
from spendwatch.moments import local_words
from spendwatch.situation import display_names, planned_events, silences
from spendwatch.slack.asking import COMMAND
from spendwatch.standing import standing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from sqlmodel import Session

    from alerts.model import Alert
    from alerts.render.slack_views import Place
    from detector.model import BudgetState
    from spendwatch.app import App
    from spendwatch.slack.allowing import Allowed
    from spendwatch.slack.payloads import Person, Press

    View = dict[str, Any]

_WHISPERED = slack_limits.MESSAGE_TEXT * 5 // 8
"""Of the text of a message: on its way some letters take twice their room."""
_PARAGRAPH = 2_000
_LEFT_OUT = 40


def story(app: App, alert: Alert, place: Place) -> View:
    """Show everything that happened to an alert, with the answers that it takes now."""
    zone = app.directory.default_zone
    with reading(app.engine) as session:
        told = story_of(session, alert.number, partial(local_words, zone=zone))
        now_so = present(session, alert, "", _known(app, session)).message
    lines = [Line(local_words(each.at, zone), each.words) for each in told]
    return story_view(place, now_so.title, [*now_so.lines, *lines], now_so.actions)


def dismissal(app: App, alert: Alert, place: Place) -> View:
    """Ask why an alert is dismissed, with what each verdict would do."""
    teaching, now = conversion.teaching(app.settings), app.clock()
    with reading(app.engine) as session:
        others = store.list_alerts(session, tenant=alert.tenant, kind=alert.kind)
        known = _known(app, session)
        title = present(session, alert, "", known).message.title
    name = known.names.get(alert.tenant, alert.tenant)
    seen = [preview(alert, verdict, others, now, teaching, name) for verdict in Verdict]
    return dismiss_view(place, title, seen)


def alerts_of(app: App, allowed: Allowed, press: Press) -> View:
    """List the alerts that a message tells of and that this person may answer."""
    with reading(app.engine) as session:
        about = outbox.about(session, f"{press.channel}:{press.ts}")
        entries = _entries(app, session, allowed, press.person)
        return list_view([each for each in entries if not about or each.number in about])


def home(app: App, allowed: Allowed, person: Person) -> View:
    """Show a person what waits for them, and how their tenants stand."""
    now, zone = app.clock(), app.directory.default_zone
    with reading(app.engine) as session:
        names = display_names(app, session)
        mine = partial(_is_theirs, allowed, person)
        states = [each for each in budget_states(app, session, app.last_settled_day())
                  if mine(each.tenant)]  # fmt: skip
        page = HomePage(
            alerts=tuple(_entries(app, session, allowed, person)),
            budgets=tuple(_budgets(states, names)),
            silences=tuple(
                silence_words(each, zone, now, stored=True, program=COMMAND)
                for each in silences(app, session, in_force_at=now)
                if mine(each.tenant)
            ),
            plans=tuple(
                plan_words(each, stored=True, program=COMMAND)
                for each in planned_events(app, session)
                if mine(each.tenant) and each.last_day >= now.astimezone(zone).date()
            ),
            health=_health(app, allowed, person),
            drawn_at=now,
        )
    return home_view(page)


def _health(app: App, allowed: Allowed, person: Person) -> str:
    """Say how the service stands; what may name files and addresses is not for everybody."""
    found = standing(app)
    if allowed.may_answer_all(person):
        return found.words
    return "not healthy" if list(found.faults()) else "healthy"


def notice(words: str) -> View:
    """Show one sentence in a view."""
    return notice_view(words)


def whispered(words: str) -> dict[str, Any]:
    """Show some lines to one person in a conversation; nothing in them is markup."""
    lines = [line for line in map(one_line, words.splitlines()) if line] or [ELLIPSIS]
    said = _fitting([cut(line, _PARAGRAPH) for line in lines])
    blocks = [
        {"type": "section", "text": {"type": "plain_text", "text": each, "emoji": False}}
        for each in _paragraphs(said)
    ]
    return {"text": escaped(cut(said[0], slack_limits.TEXT)), "blocks": blocks}


def _fitting(lines: list[str]) -> list[str]:
    """Keep the first lines that there is room for, and say how many were left out."""
    ends = list(accumulate(length(line) + 1 for line in lines))
    if ends[-1] <= _WHISPERED:
        return lines
    kept = sum(end <= _WHISPERED - _LEFT_OUT for end in ends)
    return [*lines[:kept], f"{ELLIPSIS} and {count(len(lines) - kept, 'more line')}"]


def _paragraphs(lines: list[str]) -> Iterator[str]:
    """Put lines together as long as one block takes them."""
    paragraph = lines[0]
    for line in lines[1:]:
        longer = f"{paragraph}\n{line}"
        if length(longer) > slack_limits.PARAGRAPH:
            yield paragraph
            longer = line
        paragraph = longer
    yield paragraph


def lasting(session: Session, sees: Callable[[str], bool]) -> list[Alert]:
    """Return the alerts that last of the tenants somebody sees: the open ones, then the newest."""
    found = store.select_alerts(session, ALERT.c.ended.is_(False))
    mine = [each for each in found if sees(each.tenant)]
    return sorted(mine, key=lambda each: (each.state is not AlertState.OPEN, -each.number))


def _entries(app: App, session: Session, allowed: Allowed, person: Person) -> Iterator[AlertEntry]:
    """Give the alerts that last and that a person may answer."""
    names = display_names(app, session)
    for alert in lasting(session, partial(_is_theirs, allowed, person)):
        message = alert_message(alert, Change.UNCHANGED, names)
        yield AlertEntry(alert.number, message.title, message.tone, alert.state)


def _budgets(states: Sequence[BudgetState], names: Mapping[str, str]) -> Iterator[BudgetEntry]:
    for state in sorted(states, key=_spent_share, reverse=True):
        name = names.get(state.tenant, state.tenant)
        about = f"{name}, {state.feature}" if state.feature else name
        share = _spent_share(state) if state.cap_micro_usd else None
        yield BudgetEntry(about, share, pace(state))


def _spent_share(state: BudgetState) -> float:
    return state.spent_micro_usd / state.cap_micro_usd if state.cap_micro_usd else 0.0


def _is_theirs(allowed: Allowed, person: Person, tenant: str) -> bool:
    return allowed.may_answer(person, tenant)


def _known(app: App, session: Session) -> Known:
    return Known(display_names(app, session), conversion.teaching(app.settings))
