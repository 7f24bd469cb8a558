"""What the server says of itself is what it does: schemathesis makes up requests from it.

It finds every address by the description, so one that comes later is tried without a word here.
"""

from __future__ import annotations

import warnings
from itertools import cycle

import pytest
import schemathesis
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from schemathesis.specs.openapi.checks import positive_data_acceptance

from alerts.links import Purpose, Signing
from spendwatch.leading import leading
from spendwatch.slack.serving import build_hands
from tests.builders import NOW
from tests.slack.identity import SIGNING_SECRET
from tests.slack.posting import signed
from tests.spendwatch.slack_office import Office
from tests.spendwatch.web.mailed import KEYS, SECONDS, mailed
from tests.spendwatch.web.served import LISTEN, WITH_TOKEN, Served

NOW_S = int(NOW.timestamp())
ENVIRON = {
    "SPENDWATCH_SLACK__SIGNING_SECRET": SIGNING_SECRET,
    "SPENDWATCH_WEB__TOKEN": WITH_TOKEN["Authorization"].partition(" ")[2],
}


@pytest.fixture(scope="module")
def described(tmp_path_factory, slack_process):
    """Everything that can be served, with a service that is well behind it."""
    slack_process.reset()
    office = Office(tmp_path_factory.mktemp("web"), slack_process, extra=LISTEN, environ=ENVIRON)
    hands = build_hands(office.desk, office.desk.log)
    with leading(office.app.engine, "run", office.app.clock):
        office.served = Served(office.app, hands=hands, openapi=True)
        yield office
    hands.end()
    office.served.server.stop()
    office.desk.app.engine.dispose()
    office.app.engine.dispose()


@pytest.fixture(scope="module")
def mail_pages(tmp_path_factory):
    """The pages that a mail of two alerts leads to."""
    folder = tmp_path_factory.mktemp("pages")
    with mailed(folder, ("acme", "bolt"), openapi=True) as reader:
        app = reader.served.app
        with leading(app.engine, "run", app.clock):
            yield reader


@settings(max_examples=10, phases=(Phase.explicit, Phase.generate), deadline=None)
@given(data=st.data())
def every_address(schema, complete, data):
    """Try each address with one request that is made up, and completed."""
    for found in schema.get_all_operations():
        case = data.draw(found.ok().as_strategy())
        complete(case)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)  # of the client that it builds itself
            # What a form of Slack's must hold inside of its field no description can say.
            case.call_and_validate(excluded_checks=[positive_data_acceptance])


def signing(application):
    """Sign as Slack does whatever comes, each in another second, so that it is read."""
    seconds = cycle(range(NOW_S - 290, NOW_S + 290))

    async def signed_first(scope, receive, send):
        body, more = b"", scope["type"] == "http"
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)

        async def again():
            return {"type": "http.request", "body": body, "more_body": False}

        lines = {k.lower().encode(): v.encode() for k, v in signed(body, next(seconds)).items()}
        others = [pair for pair in scope.get("headers", ()) if pair[0] not in lines]
        await application(dict(scope, headers=[*others, *lines.items()]), again, send)

    return signed_first


@pytest.mark.parametrize("before", [lambda application: application, signing])
def test_no_request_that_is_made_up_breaks_anything_or_is_answered_otherwise(described, before):
    application = before(described.served.application)
    every_address(schemathesis.openapi.from_asgi("/openapi.json", application), lambda _case: None)
    assert not described.served.logged("web_failed")
    tried = {each["route"] for each in described.served.logged("web_request")}
    assert tried >= {"/slack/actions", "/slack/commands", "/slack/events", "/style.css"}


def by_its_name(case):
    case.headers = {**(case.headers or {}), "Host": "spend.example"}


def from_the_mail(reader):
    """Have the request come by a link of the mail, and from the page that it leads to."""
    tokens = {kind: reader.link(kind=kind).rpartition("/")[2] for kind in ("a", "u")}
    link = Signing((KEYS,)).read(Purpose.ANSWER, tokens["a"], reader.place.now)
    page = Signing((KEYS,)).token(Purpose.FORM, link.number, reader.place.now - SECONDS)

    def complete(case):
        by_its_name(case)
        if "token" in case.path_parameters:
            case.path_parameters["token"] = tokens[case.path.split("/")[1]]
        if "number" in case.path_parameters:
            case.path_parameters["number"] = str(1 + len(case.path_parameters["number"]) % 3)
        if isinstance(case.body, dict) and "page" in case.body:
            case.body["page"] = page

    return complete


@pytest.mark.parametrize("by_mail", [False, True])
def test_no_request_to_a_page_of_a_mail_breaks_anything(mail_pages, by_mail):
    complete = from_the_mail(mail_pages) if by_mail else by_its_name
    served = mail_pages.served
    schema = schemathesis.openapi.from_asgi(
        "/openapi.json", served.application, headers={"Host": "spend.example"}
    )
    every_address(schema, complete)
    assert not served.logged("web_failed")
    tried = {(each["route"], each["status"]) for each in served.logged("web_request")}
    statuses = {status for route, status in tried if route.startswith(("/a/", "/u/"))}
    assert statuses >= ({200, 303} if by_mail else {404})


def test_every_address_is_described(described):
    paths = described.served.application.openapi()["paths"]
    served = {"/healthz", "/readyz", "/metrics", "/style.css", "/icon.svg"}
    assert paths.keys() >= served | {f"/slack/{each}" for each in ("actions", "commands", "events")}
