"""What Slack says of the settings: token, rights, conversations, people. Nothing is posted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from alerts.channels.slack_account import LOOK, OTHER, SlackFailure, try_app_token
from alerts.channels.slack_faults import Kind
from alerts.names import safe_name
from alerts.numbers import count
from spendwatch.channels import build_slack
from spendwatch.live import Mark, Seen
from spendwatch.settings import ConfigError
from spendwatch.settings_environment import APP_TOKEN
from spendwatch.settings_slack import SlackReceiver
from spendwatch.slack.allowing import GROUP
from spendwatch.slack.rights import missing_rights

if TYPE_CHECKING:
    from collections.abc import Iterator

    from alerts.channels.slack_account import Identity, SlackAccount
    from alerts.channels.slack_faults import Fault
    from spendwatch.settings import Settings

BOT, APP = "slack.bot_token", "slack.app_token"
_IN_DOUBT = (Kind.SCOPE, Kind.LIMITED)
_STRANGERS = ("user_not_found", "users_not_found", "user_not_visible", "no_such_subteam")
_KINDS = (("is_im", "im"), ("is_mpim", "mpim"), ("is_private", "groups"))


def ask_slack(settings: Settings) -> Iterator[Seen]:
    """Ask for everything in turn, whatever is wrong with one of it."""
    try:
        account = build_slack(settings)
        who = account.identity()
    except (ConfigError, SlackFailure) as error:
        yield Seen(BOT, Mark.WRONG, _why_no_bot(error, settings))
        yield from _unasked(settings)
    else:
        yield from _Questions(settings, account, who).ask()
    yield _app_token(settings)


def _why_no_bot(error: ConfigError | SlackFailure, settings: Settings) -> str:
    if isinstance(error, ConfigError):
        return "; ".join(each.removeprefix("environment: ") for each in error.problems)
    if error.fault.kind is Kind.ACCOUNT:
        return (
            f"refused: {error.fault.words}; copy the Bot User OAuth Token of the app again, or "
            "install the app again"
        )
    return _unreached(error.fault, settings)


def _unreached(fault: Fault, settings: Settings) -> str:
    """Word what is no answer about the thing itself."""
    if fault.kind is Kind.UNREACHED:
        return (
            f"{settings.slack.base_url} is {fault.words}; look at name, network, proxy and firewall"
        )
    return f"{settings.slack.base_url} gave {fault.words}; try again"


def _unasked(settings: Settings) -> Iterator[Seen]:
    """Name what only the bot's token could have told."""
    conversations = [f"receivers.{each.name}" for each in _receivers(settings)]
    people = [f"slack.may_answer {each}" for each in settings.slack.may_answer]
    for about in ("slack.workspace", "slack scopes", *conversations, *people):
        yield Seen(about, Mark.WARNING, f"not asked: {BOT} has to be right first")


def _receivers(settings: Settings) -> list[SlackReceiver]:
    return [each for each in settings.receivers if isinstance(each, SlackReceiver)]


def _app_token(settings: Settings) -> Seen:
    slack = settings.slack
    token = slack.app_token.get_secret_value()
    if not token and slack.signing_secrets:
        words = f"not needed: Slack posts to {settings.web.public_url or settings.web.listen}"
        return Seen(APP, Mark.OK, f"{words}/slack/actions, /commands and /events (not tried)")
    if not token:
        words = f"{APP_TOKEN} is not set: messages arrive, and no button works"
        return Seen(APP, Mark.WARNING, words)
    try:
        try_app_token(token, slack.base_url, slack.timeout_s)
    except SlackFailure as failure:
        fault = failure.fault
        if fault.kind not in (Kind.ACCOUNT, Kind.SCOPE):
            return Seen(APP, Mark.WRONG, _unreached(fault, settings))
        return Seen(
            APP,
            Mark.WRONG,
            f"refused: {fault.words}; no button works: make an app-level token with "
            "connections:write (Basic Information), and turn Socket Mode on",
        )
    return Seen(APP, Mark.OK, "accepted: Slack would open a connection (none was opened)")


@dataclass(frozen=True, slots=True)
class _Questions:
    """What a bot whose token is accepted can ask."""

    settings: Settings
    account: SlackAccount
    who: Identity

    def ask(self) -> Iterator[Seen]:
        """Ask in turn; which rights are needed shows only once the conversations are known."""
        who = self.who
        bot = f"{safe_name(who.bot_name)} ({safe_name(who.bot)})"
        yield Seen(BOT, Mark.OK, f"accepted: {bot} in {self._workspace()}")
        yield self._ask_workspace()
        asked = [self._ask_conversation(each) for each in _receivers(self.settings)]
        kinds = frozenset().union(*(kinds for _seen, kinds in asked))
        yield from missing_rights(self.who.scopes, kinds, self.settings.slack.may_answer)
        yield from (seen for seen, _kinds in asked)
        yield from (self._ask_whoever(each) for each in self.settings.slack.may_answer)

    def _workspace(self) -> str:
        return f"{safe_name(self.who.workspace_name)} ({safe_name(self.who.workspace)})"

    def _ask_workspace(self) -> Seen:
        about, named = "slack.workspace", self.settings.slack.workspace
        if not named:
            return Seen(about, Mark.OK, f"not set: people of {self._workspace()} may answer")
        if named == self.who.workspace:
            return Seen(about, Mark.OK, f"is {self._workspace()}")
        return Seen(
            about,
            Mark.WRONG,
            f"is {named}, and the token is of {self._workspace()}: every answer would be refused; "
            "correct the id, or take the token of the other workspace",
        )

    def _ask_conversation(self, receiver: SlackReceiver) -> tuple[Seen, frozenset[str]]:
        """Ask about one conversation; return also of which kind it is, or may be."""
        place, about = receiver.conversation, f"receivers.{receiver.name}"
        try:
            answer = self.account.call(LOOK, "conversations_info", channel=place)
        except SlackFailure as failure:
            mark, words = self._why_untold(failure.fault, receiver.name)
            kinds = _possible_kinds(place) if failure.fault.kind is Kind.SCOPE else frozenset()
            return Seen(about, mark, f"{place}: {words}"), kinds
        told: dict[str, Any] = answer.get("channel") or {}
        mark, words = self._conversation(told)
        kind = next((kind for name, kind in _KINDS if told.get(name)), "channels")
        shown = f"{place} (#{safe_name(str(told['name']))})" if told.get("name") else place
        return Seen(about, mark, f"{shown}: {words}"), frozenset({kind})

    def _why_untold(self, fault: Fault, receiver: str) -> tuple[Mark, str]:
        if fault.words.startswith("channel_not_found"):
            return Mark.WRONG, (
                "there is no such conversation, or it is private and the bot is not in it; copy "
                f"the id at the end of its details again, or invite the bot: {self._invite()}"
            )
        if fault.kind in _IN_DOUBT or fault.words.startswith("no_permission"):
            words = f"cannot be told ({fault.words}); `spendwatch test-send {receiver}` tells"
            return Mark.WARNING, words
        return Mark.WRONG, _unreached(fault, self.settings)

    def _conversation(self, told: dict[str, Any]) -> tuple[Mark, str]:
        if told.get("is_archived"):
            return Mark.WRONG, "is archived: nothing arrives; bring it back, or name another"
        if told.get("is_member") or told.get("is_im"):
            return Mark.OK, "the bot is in it"
        if not told.get("is_private") and "chat:write.public" in (self.who.scopes or ()):
            return Mark.WARNING, (
                "the bot is not in it: messages arrive, and whether one did cannot be looked up; "
                f"invite it: {self._invite()}"
            )
        return Mark.WRONG, f"the bot is not in it: nothing arrives; invite it: {self._invite()}"

    def _invite(self) -> str:
        return f"/invite @{safe_name(self.who.bot_name)}"

    def _ask_whoever(self, name: str) -> Seen:
        """Ask about one of those that may answer."""
        ask = self._group if name.startswith(GROUP) else self._person
        try:
            mark, words = ask(name)
        except SlackFailure as failure:
            mark, words = self._why_unknown(failure.fault)
        return Seen(f"slack.may_answer {name}", mark, words)

    def _why_unknown(self, fault: Fault) -> tuple[Mark, str]:
        if fault.words.startswith(_STRANGERS):
            return Mark.WRONG, "is not known in this workspace; correct the id, or remove it"
        if fault.kind in _IN_DOUBT or fault.words.startswith("no_permission"):
            return Mark.WARNING, f"whether that exists cannot be told ({fault.words})"
        return Mark.WRONG, _unreached(fault, self.settings)

    def _person(self, name: str) -> tuple[Mark, str]:
        told: dict[str, Any] = self.account.call(OTHER, "users_info", user=name).get("user") or {}
        shown = safe_name(str(told.get("name") or name))
        if told.get("deleted"):
            return Mark.WRONG, f"{shown} was deactivated; remove the id"
        if told.get("team_id") not in (None, self.who.workspace):
            return Mark.WRONG, f"{shown} is of another workspace: every answer would be refused"
        if told.get("is_bot"):
            return Mark.WARNING, f"{shown} is a bot, and presses no button"
        return Mark.OK, shown

    def _group(self, name: str) -> tuple[Mark, str]:
        told = self.account.call(OTHER, "usergroups_users_list", usergroup=name)
        people = told.get("users") or ()
        if not people:
            return Mark.WARNING, "a group without members: nobody can answer by it"
        return Mark.OK, f"a group of {count(len(people), 'member')}"


def _possible_kinds(conversation: str) -> frozenset[str]:
    """Say of which kinds a conversation may be, going by its id alone."""
    return frozenset({"C": ("channels", "groups"), "G": ("groups",)}.get(conversation[0], ("im",)))
