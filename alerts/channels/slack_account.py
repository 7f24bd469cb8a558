"""One Slack app in one workspace: every call goes through here, paced and never retried.

A call that fails is tried again by the outbox, which knows whether it may; the SDK's own retries
would send a message twice. Where the token itself is refused, nothing is called any more but for
a look once a minute whether it is accepted again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from alerts.channels.slack_faults import Fault, Kind, fault_of
from alerts.channels.slack_http import StraightClient, is_slacks_own, post_json
from alerts.pacing import Limit, Pacer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

POST, EDIT, LOOK, OTHER = "post", "edit", "look", "other"
PROBE_S = 60.0
"""How often it is looked whether a refused token is accepted again."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How often Slack may be called; the defaults stay below what it allows.

    Slack allows about one message a second in a conversation and some hundred a minute in all,
    and fifty a minute of what looks things up or changes a message. Two thirds of the changes are
    kept for what people answered, who look at the message meanwhile.
    """

    post_apart_s: float = 1.05
    posts_a_minute: int = 200
    edits_a_minute: int = 45
    looks_a_minute: int = 45

    def limits(self) -> Mapping[str, Limit]:
        """Return the limit of each kind of call."""
        return {
            POST: Limit(apart_s=self.post_apart_s, a_minute=self.posts_a_minute),
            EDIT: Limit(a_minute=self.edits_a_minute, kept=self.edits_a_minute * 2 // 3),
            LOOK: Limit(a_minute=self.looks_a_minute),
            OTHER: Limit(),
        }


class SlackFailure(Exception):  # noqa: N818 - the channels turn it into the error of their port
    """A call that was no success, and what that means."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.words)
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose a token is, and what it may do.

    Attributes
    ----------
    scopes : frozenset of str or None
        None where Slack does not say.
    """

    workspace: str
    workspace_name: str
    bot: str
    bot_name: str
    scopes: frozenset[str] | None


def try_app_token(app_token: str, base_url: str, timeout_s: float) -> None:
    """Ask where one could listen, without going there; raises SlackFailure."""
    client = StraightClient("", base_url, timeout_s)
    try:
        client.apps_connections_open(app_token=app_token)
    except Exception as error:
        raise SlackFailure(fault_of(error)) from error


class SlackAccount:
    """Calls Slack with one bot token.

    Attributes
    ----------
    refused : str
        Why the token is refused; empty while it is accepted.
    answered_s : float or None
        When a call succeeded last, on the steady clock.
    """

    def __init__(
        self,
        token: str,
        base_url: str,
        steady: Callable[[], float],
        *,
        timeout_s: float = 10.0,
        pace: Pace = Pace(),
        probe_s: float = PROBE_S,
    ) -> None:
        self.client = StraightClient(token, base_url, timeout_s)
        self.refused = ""
        self.answered_s: float | None = None
        self._steady = steady
        self._pacer = Pacer(pace.limits(), steady)
        self._probe_s = probe_s
        self._probe_at = 0.0

    def wait_s(self, kind: str, about: str = "", *, first: bool = False) -> float:
        """Return for how many seconds no such call may be made, or none that goes first."""
        if self.refused and (left_s := self._probe_at - self._steady()) > 0:
            return left_s
        return self._pacer.wait_s(kind, about, first=first)

    def call(self, kind: str, method: str, about: str = "", **arguments: Any) -> dict[str, Any]:
        """Call a method once; raises SlackFailure, and remembers what that means for others.

        What nobody asks beforehand whether it may be called is not called while Slack asks to wait.
        """
        if kind == OTHER:
            about = method  # for which Slack counts by itself
            if wait_s := self._pacer.wait_s(kind, about):
                raise SlackFailure(Fault(Kind.LIMITED, "Slack asked to wait with this", wait_s))
        if self.refused:
            self._probe()
        self._pacer.took(kind, about)
        return self._asked(kind, method, about, arguments)[0]

    def respond(self, address: str, body: Mapping[str, Any]) -> None:
        """Answer where Slack said that one person would read it; raises SlackFailure.

        The address came with what that person did: one that is not Slack's own is not called.
        """
        if not is_slacks_own(address, self.client.base_url):
            raise SlackFailure(Fault(Kind.UNREACHED, "no address of Slack to answer to"))
        try:
            post_json(address, body, self.client.timeout)
        except Exception as error:
            raise SlackFailure(fault_of(error)) from error

    def identity(self) -> Identity:
        """Ask whose the token is; raises SlackFailure."""
        said, headers = self._asked(OTHER, "auth_test", "", {})
        told = {name.lower(): value for name, value in headers.items()}
        scopes = told.get("x-oauth-scopes")
        return Identity(
            workspace=str(said.get("team_id") or ""),
            workspace_name=str(said.get("team") or ""),
            bot=str(said.get("user_id") or ""),
            bot_name=str(said.get("user") or ""),
            scopes=None if scopes is None else frozenset(scopes.replace(",", " ").split()),
        )

    def _asked(
        self, kind: str, method: str, about: str, arguments: Mapping[str, Any]
    ) -> tuple[dict[str, Any], Mapping[str, str]]:
        """Return what Slack said, and the headers of its answer."""
        try:
            answer = getattr(self.client, method)(**arguments)
        except Exception as error:
            fault = fault_of(error)
            self._remember(kind, about, fault)
            raise SlackFailure(fault) from error
        finally:
            self._pacer.answered(kind, about)
        if not isinstance(answer.data, dict):
            raise SlackFailure(Fault(Kind.UNSURE, "an answer that is no JSON object"))
        self.answered_s = self._steady()
        return answer.data, answer.headers

    def _remember(self, kind: str, about: str, fault: Fault) -> None:
        if fault.kind is Kind.LIMITED and fault.retry_after_s:
            self._pacer.pause(kind, about, fault.retry_after_s)
        if fault.kind is Kind.ACCOUNT:
            self.refused = fault.words
            self._probe_at = self._steady() + self._probe_s

    def _probe(self) -> None:
        """See whether the token is accepted again; raises SlackFailure where it is not."""
        try:
            self._asked(OTHER, "auth_test", "auth_test", {})
        except SlackFailure as failure:
            if failure.fault.kind is not Kind.UNSURE:
                raise
            # Of the message itself nothing was sent so far.
            raise SlackFailure(replace(failure.fault, kind=Kind.UNREACHED)) from failure
        self.refused = ""
