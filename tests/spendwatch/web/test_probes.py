"""Probes and figures: who is told what, and what Prometheus makes of it."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Event

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import update

from alerts.intake import take_in
from alerts.lifecycle import Verb
from alerts.replies import Answer, answer
from alerts.tables import NOTIFICATION
from detector.pulls import note_pull_end, note_pull_start
from spendwatch import conversion
from spendwatch.db import writing
from spendwatch.leading import leading
from spendwatch.slack_standing import SlackStanding, write_slack_standing
from spendwatch.web import looking, probes
from tests.builders import DAY, NOW, a_telling, judgement, spike
from tests.slack.identity import BOT_TOKEN, SIGNING_SECRET
from tests.spendwatch.slack_office import Office
from tests.spendwatch.web.served import LISTEN, TOKEN, WITH_TOKEN, a_server, serving

PUBLIC = '\npublic_url = "https://spend.example"'
WEB_TOKEN = {"SPENDWATCH_WEB__TOKEN": TOKEN}
DOCS = Path(__file__).parents[3] / "docs/web.md"


def figures(text):
    """Read what Prometheus would: value by name and labels."""
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.fixture
def lived(tmp_path, slack):
    """A service that has pulled, told two tenants' alerts and was answered once."""
    environ = {**WEB_TOKEN, "SPENDWATCH_SLACK__SIGNING_SECRET": SIGNING_SECRET}
    office = Office(tmp_path, slack, extra=LISTEN, environ=environ)
    app = office.app
    with leading(app.engine, "run", app.clock):
        rows = [spike(tenant=each) for each in ("canary-tenant", "other-canary")]
        with writing(app.engine) as session:
            number = note_pull_start(session, "gateway", NOW)
            note_pull_end(session, number, {"ended_at": NOW, "rows": 7})
            take_in(session, judgement(*rows, day=DAY), office.telling())
        office.deliver()
        with writing(app.engine) as session:
            given = Answer(Verb.ACKNOWLEDGE, "ana")
            answer(session, 1, given, NOW, conversion.teaching(app.settings))
            rows.append(spike(tenant="third-canary"))
            take_in(session, judgement(*rows, day=DAY), office.telling())
        write_slack_standing(app.engine, SlackStanding(NOW, connected_since=NOW))
        office.wait(seconds=30)
        yield office
    app.engine.dispose()


def test_every_figure_is_what_the_database_holds(lived):
    with serving(lived.app) as served:
        text = served.get("/metrics", WITH_TOKEN).text
    found = figures(text)
    expected = {
        ("spendwatch_database_up",): 1,
        ("spendwatch_serving",): 1,
        ("spendwatch_heartbeat_age_seconds",): 30,
        ("spendwatch_pull_age_seconds", ("source", "gateway")): 30,
        ("spendwatch_pull_failing", ("source", "gateway")): 0,
        ("spendwatch_outbox_oldest_age_seconds",): 30,
        ("spendwatch_outbox_dead_messages",): 0,
        (
            "spendwatch_outbox_messages",
            ("receiver", "ops"),
            ("state", "new"),
        ): 4,  # a message, three charts
        ("spendwatch_deliveries_sent_total", ("receiver", "ops")): 2,
        ("spendwatch_deliveries_failed_total", ("receiver", "ops")): 0,
        ("spendwatch_answers_total", ("verb", "acknowledge")): 1,
        ("spendwatch_answers_total", ("verb", "dismiss")): 0,
        ("spendwatch_slack_connected",): 1,
        ("spendwatch_slack_refused",): 0,
        ("spendwatch_database_damaged",): 0,
        ("spendwatch_faults",): 0,
    }
    assert {key: found.get(key) for key in expected} == expected
    open_alerts = [value for key, value in found.items() if key[0] == "spendwatch_alerts_open"]
    assert sum(open_alerts) == 2, "of three one is acknowledged"
    assert found["spendwatch_disk_free_bytes",] > 0


def test_what_was_given_up_and_what_failed_is_counted(lived):
    dead = NOTIFICATION.c.state == "new"
    with writing(lived.app.engine) as session:
        changed = update(NOTIFICATION).where(dead).values(state="dead", attempts=4)
        session.connection().execute(changed)
    with serving(lived.app) as served:
        found = figures(served.get("/metrics", WITH_TOKEN).text)
    assert found["spendwatch_outbox_dead_messages",] == 4
    assert found["spendwatch_outbox_oldest_age_seconds",] == 0
    assert found["spendwatch_deliveries_failed_total", ("receiver", "ops")] == 16


def test_no_tenant_and_no_secret_is_in_any_answer(lived):
    with serving(lived.app) as served:
        paths = ("/healthz", "/readyz", "/metrics", "/nothing", "/style.css")
        told = [served.get(path, WITH_TOKEN).text for path in paths]
        told += [served.ask("POST", "/slack/actions", b"x").text]
    for canary in ("canary-tenant", "other-canary", "third-canary", "Acme", "acme"):
        assert canary not in "".join(told)
    for secret in (TOKEN, SIGNING_SECRET, BOT_TOKEN, str(lived.place.folder)):
        assert secret not in "".join(told)
        assert secret not in str(served.log.entries)


def test_requests_are_counted_by_pattern_whatever_a_client_makes_up(tmp_path):
    with a_server(tmp_path) as served:
        for number in range(20):
            served.ask(f"MADE{number}", f"/made/up/{number}")
        served.get("/healthz")
        found = figures(served.get("/metrics").text)
    counts = {key[1:]: value for key, value in found.items() if key[0].endswith("requests_total")}
    assert counts == {
        (("method", "other"), ("route", "none"), ("status", "404")): 20,
        (("method", "GET"), ("route", "/healthz"), ("status", "200")): 1,
    }
    assert found["spendwatch_http_request_seconds_count", ("route", "none")] == 20


def test_every_figure_is_documented_and_none_besides(lived):
    with serving(lived.app) as served:
        served.get("/healthz")
        text = served.get("/metrics", WITH_TOKEN).text
    told = {family.name for family in text_string_to_metric_families(text)}
    told |= {"spendwatch_judged_day_age_seconds"}
    assert all(name.startswith("spendwatch_") for name in told)
    rows = re.findall(r"^\| `(spendwatch_\w+)", DOCS.read_text(encoding="utf-8"), re.MULTILINE)
    assert {name.removesuffix("_total") for name in rows} == {
        name.removesuffix("_created") for name in told
    }


def test_figures_are_told_to_whoever_has_the_token_or_sits_here(tmp_path):
    with a_server(tmp_path, LISTEN, WEB_TOKEN) as served:
        assert served.get("/metrics", host="localhost").status == 200
        for host, headers in (
            ("evil.example", {}),
            (None, {"X-Forwarded-For": "192.0.2.1"}),
            (None, {"Forwarded": "for=192.0.2.1"}),
            (None, {"Via": "1.1 proxy"}),
            ("evil.example", {"Authorization": f"Bearer {TOKEN}x"}),
            ("evil.example", {"Authorization": f"Basic {TOKEN}"}),
            ("evil.example", {"Authorization": "Bearer"}),
            ("evil.example", {"Authorization": "Bearer \xe4"}),
        ):
            answer = served.get("/metrics", headers, host=host)
            assert answer.status == 401, headers
            assert answer.headers["www-authenticate"].startswith("Bearer")
            assert "faults" not in served.get("/readyz", headers, host=host).json
        assert served.get("/metrics", WITH_TOKEN, host="evil.example").status == 200
        assert served.get("/readyz", WITH_TOKEN, host="evil.example").json["faults"]


def test_where_something_stands_before_it_the_token_alone_counts(tmp_path):
    with a_server(tmp_path, LISTEN + PUBLIC, WEB_TOKEN) as served:
        assert served.get("/metrics").status == 401
        assert served.get("/metrics", WITH_TOKEN).status == 200
    with a_server(tmp_path, LISTEN + PUBLIC) as served:
        assert served.get("/metrics").status == 401
        empty = {"Authorization": "Bearer "}
        assert served.get("/metrics", empty).status == 401, "no token is no token"


def test_a_service_is_ready_while_it_does_its_work(lived):
    with serving(lived.app) as served:
        assert (served.get("/readyz").status, served.get("/readyz").json["faults"]) == (200, [])


def test_a_service_that_does_not_is_not_and_says_why_to_few(lived):
    lived.place.now += timedelta(minutes=10)
    with serving(lived.app) as served:
        answer = served.get("/readyz", {"Via": "1.1 proxy"})
        assert (answer.status, answer.json) == (503, {"ready": False})
        (fault, *_) = served.get("/readyz", WITH_TOKEN).json["faults"]
        assert "was last heard of" in fault
        assert figures(served.get("/metrics", WITH_TOKEN).text)["spendwatch_faults",] >= 1


def test_what_does_not_move_any_more_is_told(tmp_path):
    with a_server(tmp_path, stuck=lambda: "the tick judge has not moved for 40 s") as served:
        answer = served.get("/healthz")
        assert answer.status == 503
        assert answer.json == {"alive": False, "faults": ["the tick judge has not moved for 40 s"]}
        assert served.get("/healthz", {"Via": "x"}).json == {"alive": False}


def test_a_database_that_is_gone_makes_it_unready_and_not_dead(tmp_path):
    with a_server(tmp_path) as served:
        served.app.engine.dispose()
        (tmp_path / "spendwatch.db").write_bytes(b"no database at all" * 1_000)
        assert served.get("/healthz").status == 200
        ready = served.get("/readyz")
        assert (ready.status, len(ready.json["faults"])) == (503, 1)
        told = figures(served.get("/metrics").text)
        assert told["spendwatch_database_up",] == 0
        assert "spendwatch_serving" not in {key[0] for key in told}


def test_a_database_that_hangs_is_not_waited_for(tmp_path, monkeypatch):
    go_on = Event()
    monkeypatch.setattr(looking.Look.__init__, "__defaults__", (0.2, 1.0))
    monkeypatch.setattr(probes, "standing", lambda _app: go_on.wait(30))
    with a_server(tmp_path) as served:
        found = [served.get("/readyz") for _ in range(3)]
        assert {each.status for each in found} == {503}
        assert found[0].json["faults"] == ["the database does not answer in time"]
        assert served.get("/healthz").status == 200
        go_on.set()


def test_of_many_who_ask_at_once_one_looks(tmp_path, monkeypatch):
    looked = []
    true = probes.standing
    monkeypatch.setattr(probes, "standing", lambda app: looked.append(1) or true(app))
    with a_server(tmp_path) as served:
        for _ in range(10):
            served.get("/readyz")
    assert 1 <= len(looked) < 5


def test_a_clock_that_was_set_back_raises_nothing(lived):
    lived.place.now -= timedelta(days=3)
    with serving(replace(lived.app)) as served:
        assert served.get("/metrics", WITH_TOKEN).status == 200
        assert served.get("/readyz").status == 503


def test_a_telling_needs_no_slack(tmp_path):
    with a_server(tmp_path) as served:
        with writing(served.app.engine) as session:
            take_in(session, judgement(spike()), a_telling(NOW, {"": "desk"}))
        found = figures(served.get("/metrics").text)
    assert "spendwatch_slack_connected" not in {key[0] for key in found}
