"""Everything that Log Analytics can say instead of an answer, through a whole pull to the ledger.

Two workspaces are read by one service. One of them fails on a morning and is well again an hour
later; its twin was not asked on that morning. Afterwards their ledgers are the same.
"""

from __future__ import annotations

import shutil
from datetime import timedelta
from typing import NamedTuple

import pytest

from detector.sources.base import SourceError, Window
from spendwatch.ingest import pull
from spendwatch.jobs import pull_due_days
from tests.azure import bodies
from tests.azure.asking import RealTime, Sleeper
from tests.azure.local import LocalLogAnalytics
from tests.azure.workspaces import WORKSPACES, telemetry_of
from tests.detector.ledgers import source_days
from tests.spendwatch.apps import pulls
from tests.spendwatch.azure_place import (
    GATEWAY,
    LOGS,
    METRICS,
    STAMPS,
    Place,
    differences,
    whole_tables,
)
from tests.spendwatch.local_identity import managed_identity

OPTIONS = {"first_day": "2026-11-01", "days": 9, "tenants": 9, "calls_a_day": 120}
OTHER = GATEWAY.replace('"gateway"', '"other"').replace(LOGS, METRICS)
FEW_DAYS = "[detection]\nmethod = 'classic'\nwindow_days = 7\nmin_days = 5\n"
USAGE, LATE = "let slot_minutes", "let since"
HOURLY = ("UTC", "America/New_York")
HOUR = timedelta(hours=1)
ALWAYS = 10_000
LLM = "ApiManagementGatewayLlmLog"


@pytest.fixture(scope="module")
def local():
    with LocalLogAnalytics(WORKSPACES, **OPTIONS) as server:
        yield server


@pytest.fixture(scope="module")
def base(local, tmp_path_factory):
    """A service that has read both workspaces until the evening of the second day."""
    with managed_identity() as (variables, _asked), pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        place = Place(
            tmp_path_factory.mktemp("base"), local, telemetry_of(**OPTIONS), GATEWAY + OTHER,
            FEW_DAYS, HOURLY,
        )  # fmt: skip
        place.now = place.telemetry.shape.end - timedelta(days=1) + 8 * HOUR
        assert pull_all(place.patient(Sleeper())) == {"gateway": "", "other": ""}
        yield place


@pytest.fixture(scope="module")
def twin(base, tmp_path_factory):
    """What the ledger is where the gateway was not asked on the morning it failed."""
    place = copied(base, tmp_path_factory.mktemp("twin") / "twin")
    place.now += 24 * HOUR
    pull_all(place.patient(Sleeper()), "other")
    place.now += HOUR
    assert pull_all(place.patient(Sleeper())) == {"gateway": "", "other": ""}
    first = place.telemetry.shape.first_day  # the first day that is asked for
    last = place.last_day()
    truth = {key: row for key, row in place.logs_truth().items() if first <= key[1] <= last}
    held = {key: row for key, row in place.ledger().items() if key[1] <= last}
    assert differences(held, truth) == []
    return place


@pytest.fixture
def place(base, local, tmp_path):
    """The same service on the next morning; the third day is to be read."""
    local.reset()
    for workspace in (LOGS, METRICS):
        local.engine("become", place=workspace)
    place = copied(base, tmp_path / "disturbed")
    place.now += 24 * HOUR
    return place


def copied(base, folder):
    shutil.copytree(base.folder, folder)
    copy = base.at(folder)
    copy.now = base.now
    return copy


def pull_all(app, only=""):
    """Pull each source as the service does; say how each of them failed."""
    said = {}
    for source in app.usage_sources():
        if only in ("", source.name):
            try:
                pull_due_days(app, source, app.last_settled_day())
                said[source.name] = ""
            except SourceError as error:
                said[source.name] = str(error)
    return said


class Case(NamedTuple):
    """What goes wrong, and what must be said of it."""

    name: str
    happens: object
    words: tuple[str, ...]
    everywhere: bool = False
    """The identity is refused: nobody asks with it for five minutes."""


def refuses(status, body="", /, match=USAGE, **more):
    more = {"count": ALWAYS, "place": LOGS} | more
    return lambda local: local.refuse(status, body, match=match, **more)


def goes(kind, /, match=USAGE, **more):
    more = {"count": ALWAYS, "place": LOGS} | more
    return lambda local: local.fault(kind, match=match, **more)


def becomes(**more):
    return lambda local: local.engine("become", place=LOGS, **more)


HELD = (f"llm_usage.kql on workspace {LOGS}: ",)
LATE_HELD = (f"late_llm.kql on workspace {LOGS}: ",)
ROLE = ("403 InsufficientAccessError", "the role Log Analytics Reader", "60 minutes")
FAILS = [
    Case("a syntax error", refuses(400, bodies.BAD_SYNTAX),
         (*HELD, "SYN0002", "Query could not be parsed at 'wher'", "correct it")),
    Case("a missing table", becomes(missing=[LLM]),
         (*LATE_HELD, f"there is no table {LLM}", "Logs related to generative AI gateway",
          "GatewayLlmLogs", "Resource specific", "AzureDiagnostics")),
    Case("a missing table, in the service's words", refuses(400, bodies.missing_table(LLM)),
         (*HELD, f"there is no table {LLM}", "diagnostic setting")),
    Case("a renamed column", becomes(renamed={LLM: {"PromptTokens": "InputTokens"}}),
         (*HELD, "there is no table or column PromptTokens", "a transformation of the workspace")),
    Case("a renamed column, in the service's words",
         refuses(400, bodies.missing_column("PromptTokens")),
         (*HELD, "there is no column PromptTokens", "renamed or dropped it")),
    Case("a table of the plan Basic", refuses(400, bodies.BASIC_PLAN),
         (*HELD, LLM, "ApiManagementGatewayLogs", "change its plan to Analytics")),
    Case("a refused token", refuses(401, bodies.UNAUTHENTICATED),
         (*HELD, "the token was refused (401 AuthenticationFailed)",
          "credential, tenant_id and cloud in [azure]"), everywhere=True),
    Case("a token for another service", refuses(403, bodies.WRONG_TOKEN),
         (*HELD, "403 InvalidAuthenticationToken", "tenant_id and cloud in [azure]"),
         everywhere=True),
    Case("no role", refuses(403, bodies.NO_ROLE), (*HELD, *ROLE)),
    Case("no role, seen by the query for late days", refuses(403, bodies.NO_ROLE, LATE),
         (*LATE_HELD, *ROLE)),
    Case("a closed network", refuses(403, bodies.NETWORK_CLOSED),
         (*HELD, "NspValidationFailedError", "allow it under Networking")),
    Case("no such workspace", refuses(404, bodies.NOT_FOUND),
         (*HELD, "404 PathNotFoundError", "check workspace_id", "the Workspace ID")),
    Case("an empty body", refuses(200), (*HELD, "answered 200 with an empty body", "proxy")),
    Case("a page of HTML", refuses(502, bodies.BAD_GATEWAY), (*HELD, "502", "tried 4 times")),
    Case("too many queries, no wait asked for", refuses(429, bodies.THROTTLED),
         (*HELD, "too many queries", "429", "tried 6 times")),
    Case("too many queries, an absurd wait asked for",
         refuses(429, bodies.THROTTLED, headers={"Retry-After": "86400"}),
         (*HELD, "asked to wait 8640", "the run has 900 s left")),
    Case("500", refuses(500, bodies.error("InternalServerError", "Something went wrong")),
         (*HELD, "Log Analytics failed (500 InternalServerError)", "tried 4 times")),
    Case("503", refuses(503), (*HELD, "Log Analytics failed (503)", "tried 4 times")),
    Case("504 whatever the window", refuses(504, bodies.TIMED_OUT),
         (*HELD, "504 GatewayTimeout", "query_timeout_s in [azure] may be raised")),
    Case("a lost connection", goes("reset"), (*HELD, "no answer from http://127.0.0.1", "DNS")),
    Case("half an answer", goes("cut"), (*HELD, "no answer from http://127.0.0.1", "network")),
]  # fmt: skip
PASSES = [
    Case("a wait that is asked for",
         refuses(429, bodies.THROTTLED, headers={"Retry-After": "7"}, count=3), ()),
    Case("429 for once", refuses(429, bodies.THROTTLED, count=1), ()),
    Case("503 for once", refuses(503, count=2), ()),
    Case("a lost connection for once", goes("reset", count=2), ()),
    Case("half an answer for once", goes("cut", count=1), ()),
    Case("504 for long windows", refuses(504, bodies.TIMED_OUT, longer_than_s=18_000), ()),
    Case("a partial answer for long windows", goes("partial", rows=3, longer_than_s=18_000), ()),
    Case("more rows than an answer holds", becomes(most_rows=25), ()),
    Case("more bytes than an answer holds", becomes(most_bytes=6_000), ()),
]  # fmt: skip


def names(case):
    return case.name


def morning(place, case, passing, **patience):
    """Read both workspaces while something is wrong; return the service and what it said."""
    case.happens(place.local)
    app = place.patient(passing, **patience)
    return app, pull_all(app)


def an_hour_later(place, passing):
    """Read both again when all is well."""
    place.local.clear_faults()
    place.local.engine("become", place=LOGS)
    place.now += HOUR
    passing.now += HOUR.total_seconds()
    app = place.patient(passing)
    assert pull_all(app) == {"gateway": "", "other": ""}
    return app


@pytest.mark.parametrize("case", FAILS, ids=names)
def test_faults_26_to_28_a_refusal_is_said_and_costs_nothing(case, place, twin):
    passing, before = Sleeper(), whole_tables(place.app(), "gateway")
    app, said = morning(place, case, passing)
    assert [words for words in case.words if words not in said["gateway"]] == []
    assert whole_tables(app, "gateway") == before
    assert [each.error for each in pulls(app) if each.source == "gateway"] == ["", said["gateway"]]
    assert bool(said["other"]) == case.everywhere
    if case.everywhere:
        assert "not asked again for another" in said["other"]
        passing.now += 301
        assert pull_all(app, "other") == {"other": ""}
    good = an_hour_later(place, passing)
    assert whole_tables(good) == whole_tables(twin.app())


@pytest.mark.parametrize("case", PASSES, ids=names)
def test_faults_25_and_26_what_passes_is_waited_for_or_asked_in_parts(case, place, twin):
    passing = Sleeper()
    app, said = morning(place, case, passing)
    assert said == {"gateway": "", "other": ""}
    wanted = whole_tables(twin.app(), without=STAMPS | {"seen_until"})
    assert whole_tables(app, without=STAMPS | {"seen_until"}) == wanted
    good = an_hour_later(place, passing)
    assert whole_tables(good, without=STAMPS) == whole_tables(twin.app(), without=STAMPS)


def days_of(app):
    return {day: row.whole for (name, day), row in source_days(app.engine).items()
            if name == "gateway" and row.rows}  # fmt: skip


def test_fault_25_a_day_that_stays_partial_is_not_believed(place, twin):
    passing, before = Sleeper(), place.ledger()
    known = place.last_day() - timedelta(days=1)
    place.local.fault("partial", match=USAGE, rows=3, count=ALWAYS)
    app = place.patient(passing)
    gateway, _ = app.usage_sources()
    pull(app, gateway, Window(known, place.last_day()))
    assert place.ledger() == before
    assert "answered llm_usage.kql only in part" in gateway.telemetry().remarks[0]
    assert not days_of(app).get(place.last_day())
    good = an_hour_later(place, passing)
    assert whole_tables(good, without=STAMPS) == whole_tables(twin.app(), without=STAMPS)


@pytest.mark.parametrize(
    "happens",
    [
        refuses(204),
        becomes(diagnostics_only=True),
        becomes(empty=["ApiManagementGatewayLogs", LLM]),
    ],
    ids=["204", "rows in AzureDiagnostics", "no rows"],
)
def test_fault_23_a_workspace_that_says_nothing_takes_nothing_away(happens, place, twin):
    passing, before = Sleeper(), place.ledger()
    app, said = morning(place, Case("silence", happens, ()), passing)
    assert said == {"gateway": "", "other": ""}
    assert place.ledger() == before
    assert not days_of(app).get(place.last_day())
    good = an_hour_later(place, passing)
    assert whole_tables(good, without=STAMPS) == whole_tables(twin.app(), without=STAMPS)


def test_fault_26_a_query_that_hangs_is_given_up_and_asked_in_halves(place, twin):
    case = Case("a hang", goes("hang", count=2, longer_than_s=50_000), ())
    app, said = morning(place, case, Sleeper(), grace_s=1.0, query_timeout_s=1)
    assert said == {"gateway": "", "other": ""}
    assert whole_tables(app, without=STAMPS | {"seen_until"}) == whole_tables(
        twin.app(), without=STAMPS | {"seen_until"}
    )


def test_fault_26_a_service_that_hangs_for_ever_ends_with_the_run(place, twin):
    before = whole_tables(place.app(), "gateway")
    case = Case("a hang", goes("hang"), ())
    app, said = morning(place, case, RealTime(), grace_s=1.0, query_timeout_s=1, run_timeout_s=3)
    assert "of this run are used up" in said["gateway"] or "the run has" in said["gateway"]
    assert "run_timeout_s" in said["gateway"] or "no answer within" in said["gateway"]
    assert said["other"] == ""
    assert whole_tables(app, "gateway") == before
    assert whole_tables(an_hour_later(place, Sleeper())) == whole_tables(twin.app())
