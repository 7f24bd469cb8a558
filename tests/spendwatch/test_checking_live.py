"""`spendwatch check --live`: what Slack and the sources say, all at once; nothing is posted."""

from __future__ import annotations

import json

import pytest

from tests.slack.identity import SCOPES, SIGNING_SECRET
from tests.spendwatch.installations import CONFIG, Installation
from tests.spendwatch.slack_office import CONFIG as OFFICE

SOURCE = '\n[[sources]]\nkind = "csv_file"\nname = "gateway"\npath = "usage"\n'
TOKENS = {"BOT": "xoxb-local-bot", "APP": "xapp-local-app"}


class Checked:
    """An installation in Slack, and what checking it says."""

    def __init__(self, folder, slack, monkeypatch, capsys):
        self.folder, self.slack, self._capsys, self._env = folder, slack, capsys, monkeypatch
        self.code = None
        for name, token in TOKENS.items():
            self.token(name, token)
        self.write()

    def token(self, name, value):
        self._env.setenv(f"SPENDWATCH_SLACK__{name}_TOKEN", value)

    def write(self, *, conversation="C0ALERTS", may_answer="U0ANA", extra="", **more):
        """Write the settings anew."""
        text = OFFICE.format(
            url="sqlite:///spendwatch.db",
            conversation=conversation,
            base_url=more.get("base_url", self.slack.base_url),
            may_answer=json.dumps(may_answer.split()),
        )
        text = text.replace("[slack]", f"[slack]\ntimeout_s = 1\n{more.get('slack', '')}")
        self.place = Installation(self.folder, text, SOURCE + extra)
        self.place.write_day("2026-11-12", ["acme,chat,gpt-4o,1"])

    def lines(self):
        """Check; return what stands behind each thing that was asked, in order."""
        self._capsys.readouterr()
        self.code = self.place.run("check", "--live", "--json")
        found = json.loads(self._capsys.readouterr().out)["live"]
        return [(each["mark"], each["about"], each["words"]) for each in found]

    def printed(self):
        """Check; return what people read."""
        self._capsys.readouterr()
        self.code = self.place.run("check", "--live")
        return self._capsys.readouterr().out

    def of(self, about):
        """Check; return the marks and words about one thing."""
        return [(mark, words) for mark, name, words in self.lines() if name == about]


@pytest.fixture
def checked(tmp_path, slack, monkeypatch, capsys):
    return Checked(tmp_path, slack, monkeypatch, capsys)


def test_where_all_is_well_each_thing_has_its_line_and_nothing_is_posted(checked):
    printed = checked.printed().replace(f"{checked.folder}/", "")
    assert printed.splitlines()[-8:] == [
        "  ok       sources.gateway              usage: 1 file",
        "  ok       slack.bot_token              accepted: spendwatch (U0BOT) in local (T0LOCAL)",
        "  ok       slack.workspace              not set: people of local (T0LOCAL) may answer",
        "  ok       slack scopes                 all are there: chat:write, channels:history, "
        "channels:read, files:write, users:read",
        "  ok       receivers.ops                C0ALERTS (#alerts): the bot is in it",
        "  ok       slack.may_answer U0ANA       ana",
        "  ok       slack.app_token              accepted: Slack would open a connection (none was "
        "opened)",
        "live: all is well, and nothing was posted",
    ]
    assert checked.code == 0
    assert checked.slack.messages() == []
    assert checked.slack.connections() == []
    assert checked.slack.rejections() == []
    assert {each.method for each in checked.slack.requests()} == {
        "auth.test", "conversations.info", "users.info", "apps.connections.open",
    }  # fmt: skip


@pytest.mark.parametrize("error", ["token_revoked", "account_inactive", "invalid_auth"])
def test_fault_59_a_refused_token_is_said_once_and_what_it_would_have_told_is_not_asked(
    checked, error
):
    checked.slack.revoke_tokens(error)
    _source, bot, *unasked, app = checked.lines()
    assert bot == (
        "wrong",
        "slack.bot_token",
        f"refused: {error}; copy the Bot User OAuth Token of the app again, or install the app "
        "again",
    )
    assert {(mark, words) for mark, _about, words in unasked} == {
        ("warning", "not asked: slack.bot_token has to be right first"),
    }
    assert [about for _mark, about, _words in unasked] == [
        "slack.workspace", "slack scopes", "receivers.ops", "slack.may_answer U0ANA",
    ]  # fmt: skip
    assert app[:2] == ("wrong", "slack.app_token")
    assert app[2].startswith(f"refused: {error}; no button works: make an app-level token with")
    assert checked.code == 1


def test_fault_58_a_slack_that_cannot_be_reached_is_said_in_plain_words(checked):
    checked.slack.refuse_connections()
    bot, app = checked.of("slack.bot_token")[0], checked.of("slack.app_token")[0]
    checked.slack.accept_connections()
    assert bot[0] == app[0] == "wrong"
    assert "is not reached: [Errno 111] Connection refused; look at name, network" in bot[1]
    assert checked.code == 1


def test_fault_58_a_name_that_nobody_knows_is_said_too(checked):
    checked.write(base_url="https://slack.invalid/api/")
    (found,) = checked.of("slack.bot_token")
    assert found[0] == "wrong"
    assert "https://slack.invalid/api/ is not reached: " in found[1]


def test_a_slack_that_does_not_answer_in_time_is_waited_for_no_longer(checked):
    checked.slack.fault("delay", "*", seconds=3, count=2)
    bot, app = checked.of("slack.bot_token")[0], checked.of("slack.app_token")[0]
    assert (bot[0], app[0]) == ("wrong", "ok")
    assert "gave no answer: TimeoutError" in bot[1]


@pytest.mark.parametrize(
    ("change", "mark", "words"),
    [
        (lambda slack: slack.archive("C0ALERTS"), "wrong", "is archived: nothing arrives"),
        (
            lambda slack: slack.set_bot_membership("C0ALERTS", is_member=False),
            "warning",
            "the bot is not in it: messages arrive, and whether one did cannot be looked up; "
            "invite it: /invite @spendwatch",
        ),
    ],
    ids=["archived", "not a member"],
)
def test_fault_60_a_conversation_that_is_not_as_it_should_be_is_found(checked, change, mark, words):
    change(checked.slack)
    (found,) = checked.of("receivers.ops")
    assert found[0] == mark
    assert words in found[1]
    assert checked.code == (1 if mark == "wrong" else 0)


def test_fault_60_without_the_right_to_write_anywhere_not_to_be_a_member_is_wrong(checked):
    checked.slack.set_scopes(*(each for each in SCOPES if each != "chat:write.public"))
    checked.slack.set_bot_membership("C0ALERTS", is_member=False)
    assert checked.of("receivers.ops") == [
        ("wrong", "C0ALERTS (#alerts): the bot is not in it: nothing arrives; invite it: /invite "
         "@spendwatch"),
    ]  # fmt: skip


def test_fault_60_a_conversation_that_is_not_there_is_found(checked):
    checked.write(conversation="C0GONE")
    (found,) = checked.of("receivers.ops")
    assert found[0] == "wrong"
    assert found[1].startswith("C0GONE: there is no such conversation, or it is private and the")


def test_a_direct_message_is_a_conversation_too(checked):
    checked.slack.add_conversation("D0ANA", "ana", kind="im", members=["U0ANA"])
    checked.write(conversation="D0ANA")
    assert checked.of("receivers.ops") == [("ok", "D0ANA: the bot is in it")]
    (rights,) = checked.of("slack scopes")
    assert "im:history" in rights[1]


@pytest.mark.parametrize(
    ("scope", "mark", "words"),
    [
        ("chat:write", "wrong", "no message can be sent"),
        ("channels:history", "warning", "whose answer was lost may be sent twice"),
        ("channels:read", "warning", "cannot tell whether the bot is in them"),
        ("files:write", "warning", "messages come without charts"),
        ("users:read", "warning", "whether the people of may_answer exist cannot be told"),
        ("usergroups:read", "wrong", "nobody can answer by a group of may_answer"),
    ],
)
def test_each_right_that_is_missing_is_named_with_what_does_not_work(checked, scope, mark, words):
    checked.slack.add_group("S0ONCALL", ["U0ANA"])
    checked.write(may_answer="U0ANA S0ONCALL")
    checked.slack.set_scopes(*(each for each in SCOPES if each != scope))
    (found,) = checked.of("slack scopes")
    assert found[0] == mark
    assert found[1].startswith(f"{scope} is missing: ")
    assert words in found[1]
    assert "install the app again" in found[1]
    assert checked.code == (1 if mark == "wrong" else 0)


def test_a_right_that_nothing_needs_is_not_asked_for(checked):
    unneeded = ("usergroups:read", "groups:read", "groups:history", "im:read", "im:history")
    checked.slack.set_scopes(*(each for each in SCOPES if each not in unneeded))
    assert [mark for mark, _words in checked.of("slack scopes")] == ["ok"]


def test_where_a_conversation_cannot_be_asked_about_test_send_is_named(checked):
    checked.slack.set_scopes(*(each for each in SCOPES if each != "channels:read"))
    assert checked.of("receivers.ops") == [
        ("warning", "C0ALERTS: cannot be told (missing_scope (needs channels:read)); `spendwatch "
         "test-send ops` tells"),
    ]  # fmt: skip


def test_where_slack_does_not_say_what_the_token_may_do_that_is_said(checked):
    checked.slack.configure(tells_scopes=False)
    assert checked.of("slack scopes") == [
        ("warning", "Slack does not say what the token may do; `spendwatch test-send` tries it"),
    ]


def test_people_and_groups_that_may_answer_are_looked_up(checked):
    slack = checked.slack
    slack.add_user("U0LEFT", "lea", deleted=True)
    slack.add_user("U0GUEST", "gus", team_id="T0OTHER")
    slack.add_group("S0ONCALL", ["U0ANA", "U0BEN"])
    slack.add_group("S0EMPTY", [])
    checked.write(may_answer="U0ANA U0LEFT U0GUEST U0NOBODY U0BOT S0ONCALL S0EMPTY S0NONE")
    found = {about: (mark, words) for mark, about, words in checked.lines() if "may_" in about}
    assert {about.split()[1]: mark for about, (mark, _words) in found.items()} == {
        "U0ANA": "ok", "U0LEFT": "wrong", "U0GUEST": "wrong", "U0NOBODY": "wrong",
        "U0BOT": "warning", "S0ONCALL": "ok", "S0EMPTY": "warning", "S0NONE": "wrong",
    }  # fmt: skip
    assert found["slack.may_answer U0LEFT"][1] == "lea was deactivated; remove the id"
    assert found["slack.may_answer S0ONCALL"][1] == "a group of 2 members"


def test_without_the_right_to_look_at_people_whether_they_exist_cannot_be_told(checked):
    checked.slack.set_scopes(*(each for each in SCOPES if each != "users:read"))
    (found,) = checked.of("slack.may_answer U0ANA")
    assert found == (
        "warning", "whether that exists cannot be told (missing_scope (needs users:read))",
    )  # fmt: skip


def test_the_token_of_another_workspace_is_found(checked):
    checked.write(slack='workspace = "T0OTHER"')
    (found,) = checked.of("slack.workspace")
    assert found[0] == "wrong"
    assert found[1].startswith("is T0OTHER, and the token is of local (T0LOCAL): every answer")
    checked.write(slack='workspace = "T0LOCAL"')
    assert checked.of("slack.workspace") == [("ok", "is local (T0LOCAL)")]


def test_a_token_that_is_not_set_is_named_by_its_variable(checked):
    checked.token("BOT", "")
    checked.token("APP", "")
    (bot,), (app,) = checked.of("slack.bot_token"), checked.of("slack.app_token")
    assert (bot[0], app[0]) == ("wrong", "warning")
    assert bot[1].startswith("SPENDWATCH_SLACK__BOT_TOKEN: is required")
    assert app[1] == "SPENDWATCH_SLACK__APP_TOKEN is not set: messages arrive, and no button works"


def test_over_http_no_app_token_is_needed(checked, monkeypatch):
    checked.token("APP", "")
    monkeypatch.setenv("SPENDWATCH_SLACK__SIGNING_SECRET", SIGNING_SECRET)
    monkeypatch.setenv("SPENDWATCH_WEB__LISTEN", "8080")
    ((mark, words),) = checked.of("slack.app_token")
    assert mark == "ok"
    assert words.startswith("not needed: Slack posts to 127.0.0.1:8080/slack/actions, /commands")


def test_tokens_that_were_taken_for_each_other_are_both_refused(checked):
    checked.token("BOT", TOKENS["APP"])
    checked.token("APP", TOKENS["BOT"])
    (bot,), (app,) = checked.of("slack.bot_token"), checked.of("slack.app_token")
    assert bot[1].startswith("refused: not_allowed_token_type")
    assert app[1].startswith("refused: not_allowed_token_type")


@pytest.mark.parametrize("fault", ["html", "gateway", "empty", "truncated", "drop"])
def test_an_answer_that_is_none_is_said_and_the_rest_is_asked(checked, fault):
    checked.slack.fault(fault, "conversations.info")
    (found,) = checked.of("receivers.ops")
    assert found[0] == "wrong"
    assert "try again" in found[1]
    assert checked.lines()[-1][0] == "ok"


def test_too_many_calls_cannot_be_told_from_nothing_wrong(checked):
    checked.slack.fault("ratelimited", "conversations.info", retry_after="7")
    (found,) = checked.of("receivers.ops")
    assert found == (
        "warning",
        "C0ALERTS: cannot be told (too many calls, wait 7 s); `spendwatch test-send ops` tells",
    )


@pytest.mark.parametrize("kind", ["auth.test", "conversations.info", "apps.connections.open", "*"])
def test_fault_97_no_token_is_printed_whatever_is_answered(checked, kind):
    secret = f"invalid {TOKENS['BOT']} {TOKENS['APP']} xoxp-another-1"
    checked.slack.fault("error", kind, error=secret, count=9)
    for run in (("check", "--live"), ("check", "--live", "--json")):
        checked._capsys.readouterr()
        assert checked.place.run(*run) == 1
        told = checked._capsys.readouterr()
        assert "***" in told.out
        for token in (*TOKENS.values(), "xoxp", "local-bot", "local-app"):
            assert token not in told.out + told.err


def test_all_problems_are_said_at_once_with_those_of_this_machine_first(checked):
    extra = '\n[[receivers]]\nkind = "console"\nname = "file"\npath = "config.toml/told.txt"\n'
    checked.write(conversation="C0GONE", may_answer="U0NOBODY", extra=extra)
    text = checked.place.config.read_text()
    checked.place.config.write_text(text.replace('path = "usage"', 'path = "gone"'))
    assert [about for mark, about, _words in checked.lines() if mark == "wrong"] == [
        "sources.gateway.path", "receivers.file.path", "receivers.ops", "slack.may_answer U0NOBODY",
    ]  # fmt: skip
    assert checked.code == 1
    printed = checked.printed()
    assert "config.toml: 2 problems" in printed
    assert printed.splitlines()[-1] == "live: 4 wrong, 0 warnings; nothing was posted"


def test_programs_get_a_mark_and_words_for_each_thing(checked, capsys):
    facts = checked.place.json(capsys, "check", "--live")
    assert facts["ok"] is True
    assert facts["live"][0]["about"] == "sources.gateway"
    assert {each["mark"] for each in facts["live"]} == {"ok"}
    checked.write(conversation="C0GONE")
    assert checked.place.run("check", "--live", "--json") == 1
    assert json.loads(capsys.readouterr().out)["ok"] is False


def test_without_slack_only_the_sources_are_asked(tmp_path, capsys):
    place = Installation(tmp_path, CONFIG)
    assert place.run("check", "--live") == 0
    out = capsys.readouterr().out
    assert "warning  sources.gateway" in out
    assert "the folder holds no .csv" in out
    assert "slack." not in out
    place.write_day("2026-11-12", ["acme,chat,gpt-4o,1"])
    facts = place.json(capsys, "check", "--live")
    assert facts["live"] == [
        {"about": "sources.gateway", "mark": "ok", "words": f"{place.usage}: 1 file"}
    ]


def test_without_live_nobody_is_asked(checked, capsys):
    assert checked.place.run("check") == 0
    assert checked.slack.requests() == []
    assert "live" not in checked.place.json(capsys, "check")
