from __future__ import annotations

import pytest

from spendwatch.settings import ConfigError, load_settings
from tests.spendwatch.config_files import ENOUGH

BOT, APP = "xoxb-1-secret", "xapp-1-secret"
RECEIVER = '[[receivers]]\nkind = "slack"\nname = "spend"\nconversation = "C0123ABCD"\n'


def load(folder, text="", **environ):
    """Load settings; each variable is named by what follows SPENDWATCH_SLACK__."""
    path = folder / "config.toml"
    path.write_text(f"{ENOUGH}\n{text}", encoding="utf-8")
    named = {f"SPENDWATCH_SLACK__{key}": value for key, value in environ.items()}
    return load_settings(path, named)


def refused(folder, text="", **environ):
    with pytest.raises(ConfigError) as caught:
        load(folder, text, **environ)
    return "\n".join(caught.value.problems)


def test_tokens_come_from_the_environment_and_are_never_shown(tmp_path):
    slack = load(tmp_path, BOT_TOKEN=BOT, APP_TOKEN=APP).slack
    assert slack.bot_token.get_secret_value() == BOT
    assert slack.app_token.get_secret_value() == APP
    assert "secret" not in f"{slack!r} {slack}"


def test_a_token_can_be_read_from_a_file(tmp_path):
    (tmp_path / "token").write_text(f"{BOT}\n")
    slack = load(tmp_path, BOT_TOKEN_FILE=str(tmp_path / "token")).slack
    assert slack.bot_token.get_secret_value() == BOT


@pytest.mark.parametrize("key", ["bot_token", "app_token"])
def test_fault_2_a_token_in_the_file_is_refused_unseen(tmp_path, key):
    problems = refused(tmp_path, f'[slack]\n{key} = "{BOT}"')
    assert f"slack.{key}" in problems
    assert "xoxb-1" not in problems


@pytest.mark.parametrize("value", ["hunter2", "xoxb-", "xoxb-1 secret", "Bearer xoxb-1"])
def test_what_is_no_token_is_refused_unseen(tmp_path, value):
    problems = refused(tmp_path, BOT_TOKEN=value)
    assert "must be a token that begins with xoxb- (bot_token) or xapp- (app_token)" in problems
    assert "hunter2" not in problems
    assert "1 secret" not in problems


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("https://slack.example.org/api", "https://slack.example.org/api/"),
        ("http://127.0.0.1:8080/api/", "http://127.0.0.1:8080/api/"),
        ("http://localhost/api/", "http://localhost/api/"),
    ],
)
def test_slack_is_reached_over_tls_or_on_this_machine(tmp_path, value, kept):
    assert load(tmp_path, BASE_URL=value).slack.base_url == kept


@pytest.mark.parametrize(
    "value", ["http://slack.com/api/", "http://127.0.0.1.example.org/", "ftp://slack.com/", "slack"]
)
def test_slack_is_reached_over_nothing_else(tmp_path, value):
    assert "must be an address that begins with https://" in refused(tmp_path, BASE_URL=value)


def test_a_conversation_is_a_receiver(tmp_path):
    *_, receiver = load(tmp_path, RECEIVER).receivers
    assert (receiver.name, receiver.place, receiver.digest) == ("spend", "C0123ABCD", "daily")


@pytest.mark.parametrize("value", ["#spend", "spend", "c0123abcd", "U0123ABCD", "C"])
def test_a_conversation_is_named_by_its_id_alone(tmp_path, value):
    problems = refused(tmp_path, RECEIVER.replace("C0123ABCD", value))
    assert "must be the id of a conversation such as C0123ABCD" in problems


def test_two_receivers_in_one_conversation_are_refused(tmp_path):
    problems = refused(tmp_path, f"{RECEIVER}{RECEIVER.replace('spend', 'more')}")
    assert "receivers[2].conversation: 'C0123ABCD' is the conversation of receivers[1]" in problems
    load(tmp_path, f"{RECEIVER}{RECEIVER.replace('spend', 'more').replace('0123', '0124')}")


@pytest.mark.parametrize("value", ["ana", "@ana", "C0123ABCD", "U"])
def test_people_are_named_by_their_ids_alone(tmp_path, value):
    problems = refused(tmp_path, f'[slack]\nmay_answer = ["U0123ABCD", "{value}"]')
    assert "slack.may_answer[1]: must be the id of a person" in problems


def test_people_and_groups_may_answer(tmp_path):
    slack = load(tmp_path, MAY_ANSWER='["U0123ABCD","W0123ABCD","S0123ABCD"]').slack
    assert slack.may_answer == ("U0123ABCD", "W0123ABCD", "S0123ABCD")
