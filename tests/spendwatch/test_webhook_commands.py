"""A webhook among the receivers, as a person sets it up: check, check --live, test-send, run."""

from __future__ import annotations

import io
import json
import os
from datetime import UTC, datetime, timedelta

import pytest

from spendwatch.channels import build_channels
from tests.outbound.certificates import make_authority
from tests.outbound.receiving import receiving
from tests.spendwatch.installations import CONFIG, FIRST, Installation

KEY = "whsec_" + "QUJD" * 8
HOOKS = """
[[receivers]]
kind = "webhook"
name = "acme-desk"
url = "https://localhost:{port}/in/hunter2?token=hunter2"
[[receivers]]
kind = "webhook"
name = "bolt-desk"
url = "https://localhost:{port}/bolt"
[[tenants]]
id = "acme"
name = "Acme Ltd"
receiver = "acme-desk"
[[tenants]]
id = "bolt"
name = "Bolt Inc"
receiver = "bolt-desk"
[outbound]
heartbeat_url = "https://localhost:{port}/beat-hunter2"
timeout_s = 2
{more}
"""
TRUSTED = 'ca_file = "ca.pem"\nprivate_hosts = ["localhost"]'


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return make_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def program(authority):
    with receiving(authority.server("localhost")) as server:
        yield server


@pytest.fixture
def install(tmp_path, program, authority, monkeypatch):
    monkeypatch.setenv("SPENDWATCH_OUTBOUND__SIGNING_SECRET", KEY)
    (tmp_path / "ca.pem").write_text(authority.file.read_text())

    def made(more=TRUSTED):
        return Installation(tmp_path, CONFIG, HOOKS.format(port=program.port, more=more))

    return made


def live(place, capsys):
    capsys.readouterr()
    place.run("check", "--live", "--json")
    found = json.loads(capsys.readouterr().out)["live"]
    return {each["about"]: (each["mark"], each["words"]) for each in found}


def test_check_live_sees_that_webhooks_are_reached_and_posts_nothing(install, program, capsys):
    found = live(install(), capsys)
    words = f"https://localhost:{program.port} is reached and trusted; nothing was sent"
    for about in ("receivers.acme-desk", "receivers.bolt-desk", "outbound.heartbeat_url"):
        assert found[about] == ("ok", words)
    assert program.heard == []


def test_point_16_check_live_says_that_a_certificate_is_not_trusted(install, program, capsys):
    found = live(install('private_hosts = ["localhost"]'), capsys)
    mark, words = found["receivers.acme-desk"]
    assert mark == "wrong"
    assert words.startswith("localhost is not reached: its certificate is not trusted: ")
    assert "hunter2" not in json.dumps(found)
    assert program.heard == []


def test_check_live_says_that_nothing_answers(install, program, capsys, monkeypatch):
    monkeypatch.setenv("SPENDWATCH_OUTBOUND__HEARTBEAT_URL", "https://nobody.invalid/hunter2")
    found = live(install(), capsys)
    assert found["outbound.heartbeat_url"][0] == "wrong"
    assert "nobody.invalid is not reached" in found["outbound.heartbeat_url"][1]
    assert "hunter2" not in json.dumps(found)


def test_check_says_that_the_file_of_authorities_cannot_be_read(install, capsys):
    place = install('private_hosts = ["localhost"]\nca_file = "nowhere.pem"')
    assert place.run("check") == 78
    assert "outbound.ca_file" in capsys.readouterr().err
    (place.folder / "nowhere.pem").write_text("no certificate")
    assert place.run("check") == 78
    assert "cannot be used: no certificate (PEM) is in it" in capsys.readouterr().err
    assert place.run("test-send", "acme-desk") == 78


def test_test_send_posts_a_message_that_is_called_a_test(install, program, capsys):
    assert install().run("test-send", "acme-desk") == 0
    said = capsys.readouterr().out
    at = f"acme-desk (webhook, https://localhost:{program.port})"
    assert f"sent a test message to {at} at " in said
    assert "it is kept there as msg_" in said
    (request,) = program.heard
    body = json.loads(request.body)
    assert (body["type"], body["receiver"]) == ("service", "acme-desk")
    assert "test message" in body["message"]["title"]


def test_fault_97_what_a_webhook_refuses_is_told_without_its_address(install, program, capsys):
    program.answers[:] = [(403, {})]
    assert install().run("test-send", "acme-desk") == 1
    said = capsys.readouterr().err
    assert "was not sent: the webhook answered HTTP 403" in said
    assert "hunter2" not in said
    assert "QUJD" not in said


def test_each_program_is_told_of_its_own_tenant_and_no_other_is_named(install, program):
    place = install()
    for step in range(20):
        spend = 900 if step == 19 else 10 + step % 3
        rows = [f"{tenant},chat,gpt-4o,{spend}" for tenant in ("acme", "bolt")]
        place.write_day(FIRST + timedelta(days=step), rows)
    place.now = datetime(2026, 9, 21, 6, tzinfo=UTC)
    channels = build_channels(place.app(os.environ), io.StringIO())
    for step in (18, 19):
        place.judge_with(channels, FIRST + timedelta(days=step), environ=os.environ)
    bodies = {json.loads(each.body)["receiver"]: each.body.decode() for each in program.heard}
    assert bodies.keys() == {"acme-desk", "bolt-desk"}
    assert "Acme" in bodies["acme-desk"]
    assert "bolt" not in bodies["acme-desk"].casefold()
    assert "Bolt" in bodies["bolt-desk"]
    assert "acme" not in bodies["bolt-desk"].casefold()
