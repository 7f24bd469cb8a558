"""The manifest of the Slack app: it asks for what the program needs, and says why."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest
import yaml

from spendwatch.slack.asking import COMMAND

ROOT = Path(__file__).parents[1]
SOURCES = [*ROOT.glob("spendwatch/slack/*.py"), *ROOT.glob("alerts/channels/slack*.py")]
METHOD = re.compile(
    r"\b(?:auth|bookmarks|chat|conversations|files|pins|reactions|usergroups|users|views)_"
    r"(?!not_found)\w+"
)
NEEDS = {
    "auth_test": set(),
    "chat_postEphemeral": {"chat:write"},
    "chat_postMessage": {"chat:write"},
    "chat_update": {"chat:write"},
    "conversations_history": {"channels:history", "groups:history"},
    "conversations_info": {"channels:read", "groups:read"},
    "conversations_replies": {"channels:history", "groups:history"},
    "files_upload_v2": {"files:write"},
    "usergroups_users_list": {"usergroups:read"},
    "users_info": {"users:read"},
    "views_open": set(),
    "views_publish": set(),
    "views_push": set(),
    "views_update": set(),
}
"""The scopes that each method of Slack needs (docs.slack.dev/reference/methods)."""
OPTIONAL = {"usergroups:read", "channels:read", "groups:read", "users:read"}
"""Without the last three only `spendwatch check --live` can tell less."""
LONGEST_NAME, LONGEST_DESCRIPTION = 35, 140


@pytest.fixture(scope="module")
def manifest():
    return yaml.safe_load((ROOT / "docs/slack-manifest.yaml").read_text(encoding="utf-8"))


def asked(manifest):
    return set(manifest["oauth_config"]["scopes"]["bot"])


def test_over_http_the_manifest_differs_by_the_addresses_that_are_served(manifest):
    guide = (ROOT / "docs/slack.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```yaml\n(.*?)```", guide, flags=re.DOTALL)
    written = yaml.safe_load(textwrap.dedent(block))
    posts, prefix = written["settings"], "https://spend.example/slack"
    (command,) = written["features"]["slash_commands"]
    assert command.pop("url") == f"{prefix}/commands"
    assert posts["interactivity"].pop("request_url") == f"{prefix}/actions"
    assert posts["event_subscriptions"].pop("request_url") == f"{prefix}/events"
    assert [command] == manifest["features"]["slash_commands"]
    assert posts.items() <= manifest["settings"].items()


def called():
    """Every method of Slack that the program names."""
    texts = (path.read_text(encoding="utf-8") for path in SOURCES)
    return {found for text in texts for found in METHOD.findall(text)}


def explained():
    """The scopes in the table of docs/slack.md."""
    page = (ROOT / "docs/slack.md").read_text(encoding="utf-8")
    table = page[page.index("| scope | what for |") :].split("\n\n")[0]
    return {
        scope
        for row in table.splitlines()
        for scope in re.findall(r"`([a-z]+:[a-z]+|commands)`", row)
    }


def test_what_each_method_that_is_called_needs_is_known():
    assert called() - NEEDS.keys() == set()
    assert {"chat_postMessage", "views_open"} <= called()


def test_every_scope_that_is_needed_is_asked_for_and_no_other(manifest):
    needed = {scope for method in called() for scope in NEEDS[method]}
    assert asked(manifest) == needed - OPTIONAL | {"commands"}


def test_every_scope_is_explained(manifest):
    assert explained() == asked(manifest) | OPTIONAL | {"connections:write"}


def test_what_people_do_comes_in_over_a_socket(manifest):
    settings = manifest["settings"]
    assert settings["socket_mode_enabled"] is True
    assert settings["interactivity"] == {"is_enabled": True}
    assert settings["event_subscriptions"] == {"bot_events": ["app_home_opened"]}
    assert manifest["features"]["app_home"]["home_tab_enabled"] is True


def test_the_command_is_the_one_that_is_answered(manifest):
    (command,) = manifest["features"]["slash_commands"]
    assert command["command"] == COMMAND
    assert "url" not in command


def test_the_names_are_no_longer_than_slack_takes(manifest):
    about = manifest["display_information"]
    assert len(about["name"]) <= LONGEST_NAME
    assert len(about["description"]) <= LONGEST_DESCRIPTION
