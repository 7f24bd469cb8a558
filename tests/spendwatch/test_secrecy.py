"""A secret of any kind that the settings know is in no log and in no error."""

from __future__ import annotations

import json
import sys

import pytest

from spendwatch.exits import run_reporting_errors
from spendwatch.logs import logger
from spendwatch.secrecy import hide, veiled
from spendwatch.settings import load_settings
from spendwatch.settings_environment import SECRETS
from spendwatch.settings_secrets import secrets_in
from tests.spendwatch.config_files import ENOUGH

KEY = "Q0FOQVJZMTIzNDU2Nzg5MENBTkFSWTEyMzQ1Njc4"
HOOK = "https://hooks.example/T0-9f8e7d6c5b4a3f2e/in?canary=webhook77"
CANARIES = {
    "SPENDWATCH_SERVICE__DATABASE_URL": "postgresql://me:canary%2Fdatabase@db.example/x",
    "SPENDWATCH_SLACK__BOT_TOKEN": "xoxb-canary-bot",
    "SPENDWATCH_SLACK__APP_TOKEN": "xapp-canary-app",
    "SPENDWATCH_AZURE__CLIENT_SECRET": "canary-of-azure",
    "SPENDWATCH_EMAIL__PASSWORD": "canary-of-the-mail-server",
    "SPENDWATCH_EMAIL__ACCESS_KEY": "canary-of-azures-mail==",
    "SPENDWATCH_SLACK__SIGNING_SECRET": "canary-that-slack-signs-with",
    "SPENDWATCH_WEB__TOKEN": "canary-of-the-web-server",
    "SPENDWATCH_WEB__SIGNING_KEYS": f"canary-new-{'n' * 32} canary-old-{'o' * 32}",
    "SPENDWATCH_OUTBOUND__HEARTBEAT_URL": "https://ping.example/0f1e2d3c-4b5a-6978-8796?k=canary88",
    "SPENDWATCH_OUTBOUND__SIGNING_SECRET": f"whsec_{KEY} {KEY[::-1]}",
}
OWNERS = f"""
[[receivers]]
kind = "webhook"
name = "hook"
url = "{HOOK}"

[email]
sender = "spendwatch@example.com"
host = "mail.example"
user = "spendwatch"

[web]
listen = "127.0.0.1:0"
"""
PARTS = {
    "canary%2Fdatabase", "canary/database", "xoxb-canary-bot", "xapp-canary-app",
    "canary-of-azure", "canary-of-the-mail-server", "canary-of-azures-mail==",
    "canary-that-slack-signs-with", "canary-of-the-web-server", f"canary-new-{'n' * 32}",
    f"canary-old-{'o' * 32}", "0f1e2d3c-4b5a-6978-8796", "k=canary88", KEY, KEY[::-1],
    "T0-9f8e7d6c5b4a3f2e", "canary=webhook77", HOOK,
}  # fmt: skip


@pytest.fixture(autouse=True)
def hidden(tmp_path):
    """What opening the settings of an installation hides."""
    path = tmp_path / "config.toml"
    path.write_text(ENOUGH + OWNERS, encoding="utf-8")
    found = set(secrets_in(load_settings(path, CANARIES)))
    hide(found)
    return found


def fails(words):
    raise ValueError(words)


def test_every_secret_there_can_be_is_among_the_canaries():
    # One that is not named here has been added to the settings: give it a canary.
    assert CANARIES.keys() == SECRETS.keys()


def test_point_15_the_parts_of_every_secret_are_known(hidden):
    assert hidden >= PARTS


@pytest.mark.parametrize("secret", sorted(PARTS))
def test_fault_97_a_secret_in_the_text_of_an_exception_is_not_logged(capsys, secret):
    try:
        fails(f"cannot use '{secret}' here")
    except ValueError as error:
        logger().exception("tick_failed", error=str(error), more=[{"of": secret}])
    (line,) = capsys.readouterr().err.splitlines()
    assert secret not in line
    assert json.loads(line)["error"] == "cannot use '***' here"


@pytest.mark.parametrize("secret", sorted(PARTS))
def test_fault_97_a_secret_in_the_text_of_an_exception_is_not_printed(capsys, secret):
    def command(**_):
        raise OSError(f"cannot use {secret} here")

    assert run_reporting_errors(command, ["x"]) == 1
    assert capsys.readouterr().err == "spendwatch: cannot use *** here\n"
    assert run_reporting_errors(command, ["x", "--json"]) == 1
    assert secret not in capsys.readouterr().out


def test_fault_97_on_a_terminal_a_traceback_is_masked_too(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    try:
        fails(f"cannot use {HOOK}")
    except ValueError:
        logger().exception("tick_failed")
    said = capsys.readouterr().err
    assert "ValueError" in said
    assert "webhook77" not in said


def test_a_host_and_a_path_that_people_made_up_are_no_secrets(hidden):
    hide(["", "https://hooks.example/"])
    assert veiled("/srv/in/spendwatch at ping.example") == "/srv/in/spendwatch at ping.example"
    assert {"", "in"} & hidden <= {""}
