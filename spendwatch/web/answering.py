"""The pages that mails lead to: an alert, and what can be answered to it.

To look changes nothing, whoever looks: programs follow links before people do. Only what a person
sends off from such a page is an answer, and every answer can be taken back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, RedirectResponse, Response

from alerts.lifecycle import ReplyRefused
from alerts.links import LinkExpired, LinkRefused, Purpose
from alerts.model import Verb, Verdict
from spendwatch.db import DatabaseError
from spendwatch.mail_replies import HOURS, Refused
from spendwatch.pages import render
from spendwatch.web.forms import FORM, Fields, read_fields
from spendwatch.web.guards import client

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from structlog.typing import FilteringBoundLogger

    from spendwatch.mail_links import Reader
    from spendwatch.mail_replies import Replies, Shown

_NOT_SAVED = "That was not saved: the database is busy. Please press again."
_UNREADABLE = "That form cannot be read."
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/html": {}}},
    400: {"description": "the form cannot be read"},
    404: {"description": "the link is not known"},
    409: {"description": "the answer is not taken"},
    410: {"description": "the link has expired"},
    503: {"description": "not saved, try again"},
}
_TAKEN: dict[int | str, dict[str, Any]] = {303: {"description": "taken: see the page as it is now"}}

_DRAWN: dict[int | str, dict[str, Any]] = {200: {"content": {"image/png": {}}}}


def _form(needed: Sequence[str], **fields: Sequence[str]) -> dict[str, Any]:
    """Describe a form: its fields, with what they may say where that is given."""
    texts = {
        name: {"type": "string"} | ({"enum": list(given)} if given else {})
        for name, given in fields.items()
    }
    schema = {
        "type": "object",
        "properties": texts,
        "required": list(needed),
        "additionalProperties": {"type": "string"},
    }
    return {"requestBody": {"required": True, "content": {FORM: {"schema": schema}}}}


_ANSWER = _form(
    ("page", "do"),
    page=(),
    do=[each.value for each in Verb],
    verdict=[each.value for each in Verdict],
    until=(),
    note=(),
    hours=[str(each) for each in HOURS],
    reply=(),
)
_SUBSCRIPTION = _form((), do=("subscribe", ""))


class Pages:
    """Makes the pages; whatever a link does not allow becomes a page that says so."""

    def __init__(self, replies: Replies, log: FilteringBoundLogger) -> None:
        self._replies, self._log = replies, log

    def alert(self, token: str, number: int | None) -> Response:
        """Show the alert of a mail, or the list of those that it told of."""
        reader = self._replies.reader(Purpose.ANSWER, token)
        if number is None and len(reader.about) != 1:
            titles = self._replies.titles(reader)
            return _page("web/alerts.html", title="Alerts of this mail", token=token, alerts=titles)
        return self._alert(token, reader, reader.about[0] if number is None else number)

    def chart(self, token: str, number: int) -> Response:
        """Show what a tenant spent in the days before its alert."""
        reader = self._replies.reader(Purpose.ANSWER, token)
        picture = self._replies.picture(reader, number)
        if picture is None:
            return _problem("There is nothing to be drawn.", 404)
        return Response(picture.png, media_type="image/png")

    def answer(self, token: str, number: int, fields: Fields, request: Request) -> Response:
        """Take an answer; lead to the page as it is then, so that a reload sends nothing again."""
        try:
            reader = self._replies.answer(token, number, fields)
        except (Refused, ReplyRefused) as refused:
            reader = self._replies.reader(Purpose.ANSWER, token)
            wrong = getattr(refused, "fields", {})
            return self._alert(token, reader, number, str(refused), wrong)
        agent = request.headers.get("user-agent", "")[:100]
        self._log.info(
            "mail_answer_saved",
            alert=number,
            verb=fields["do"],
            actor=reader.actor,
            client=client(request.scope),
            agent=agent,
        )
        return RedirectResponse(f"/a/{token}/{number}", 303)

    def subscription(self, token: str) -> Response:
        """Show whether somebody gets these mails."""
        reader = self._replies.reader(Purpose.UNSUBSCRIBE, token)
        return self._subscription(reader, token)

    def change_subscription(self, token: str, fields: Mapping[str, str]) -> Response:
        """Stop somebody's mails, as RFC 8058 has it, or send them again."""
        again = fields.get("do") == "subscribe"
        replies = self._replies
        reader = replies.subscribe(token) if again else replies.unsubscribe(token)
        return self._subscription(reader, token)

    def _alert(
        self,
        token: str,
        reader: Reader,
        number: int,
        refused: str = "",
        wrong: Mapping[str, str] | None = None,
    ) -> Response:
        shown, page = self._replies.show(reader, number), self._replies.form(token)
        html = alert_page(shown, reader.address, (token, page), refused, wrong)
        return HTMLResponse(html, 409 if refused else 200)

    def _subscription(self, reader: Reader, token: str) -> Response:
        return _page(
            "web/subscription.html",
            title="Mails of spendwatch",
            token=token,
            reader=reader,
            stopped=self._replies.is_stopped(reader),
        )


def alert_page(
    shown: Shown,
    who: str,
    tokens: tuple[str, str],
    refused: str = "",
    wrong: Mapping[str, str] | None = None,
) -> str:
    """Return the page of an alert; ``tokens`` are that of the link, and that of its forms."""
    return render(
        "web/alert.html",
        title=shown.message.title,
        token=tokens[0],
        page=tokens[1],
        shown=shown,
        who=who,
        refused=refused,
        wrong=wrong or {},
        hours=HOURS,
        until_for=_lasting(shown),
        **{verb.value: verb in shown.may for verb in Verb},
    )


def _lasting(shown: Shown) -> str:
    """Name the verdicts that take a last day."""
    taking = [each.verdict.value.replace("_", " ") for each in shown.previews if each.lasting]
    return " and ".join(taking)


def _page(template: str, status: int = 200, **values: Any) -> Response:
    return HTMLResponse(render(template, **values), status)


def _problem(words: str, status: int) -> Response:
    return _page("web/told.html", status, title="That link does nothing here", words=words)


def _guarded(make: Callable[..., Response], *given: Any) -> Response:
    """Make a page; say on one what keeps it from being made."""
    try:
        return make(*given)
    except LinkExpired:
        words = "This link has expired. Newer mails have newer ones; Slack has no end."
        return _problem(words, 410)
    except LinkRefused as refused:
        return _problem(str(refused), 404)
    except DatabaseError:
        return _page("web/told.html", 503, title="Not now", words=_NOT_SAVED)
    except ValueError:
        return _page("web/told.html", 400, title="That request cannot be read", words=_UNREADABLE)


def router(pages: Pages) -> APIRouter:
    """Say which address shows and takes what."""
    found = APIRouter(tags=["mail"], default_response_class=HTMLResponse, responses=_RESPONSES)
    _serve_alerts(found, pages)
    _serve_subscriptions(found, pages)
    return found


def _serve_alerts(found: APIRouter, pages: Pages) -> None:

    @found.get("/a/{token}")
    def alert_of_mail(token: str) -> Response:
        """Show what a mail was about."""
        return _guarded(pages.alert, token, None)

    @found.get("/a/{token}/{number}")
    def one_alert(token: str, number: str) -> Response:
        """Show one alert of a mail."""
        return _guarded(lambda: pages.alert(token, _number(number)))

    @found.get("/a/{token}/{number}/chart.png", response_class=Response, responses=_DRAWN)
    def chart(token: str, number: str) -> Response:
        """Show the days before an alert."""
        return _guarded(lambda: pages.chart(token, _number(number)))

    @found.post("/a/{token}/{number}", openapi_extra=_ANSWER, responses=_TAKEN)
    async def answer(request: Request, token: str, number: str) -> Response:
        """Take an answer."""
        body = await request.body()

        def take() -> Response:
            return pages.answer(token, _number(number), read_fields(body), request)

        return await run_in_threadpool(_guarded, take)


def _serve_subscriptions(found: APIRouter, pages: Pages) -> None:
    @found.get("/u/{token}")
    def subscription(token: str) -> Response:
        """Show whether somebody gets these mails."""
        return _guarded(pages.subscription, token)

    @found.post("/u/{token}", openapi_extra=_SUBSCRIPTION)
    async def change_subscription(request: Request, token: str) -> Response:
        """Stop somebody's mails, or send them again."""
        body = await request.body()

        def change() -> Response:
            return pages.change_subscription(token, read_fields(body))

        return await run_in_threadpool(_guarded, change)


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):  # noqa: PLR2004 - of an integer
        raise ValueError("no number of an alert")
    return int(text)
