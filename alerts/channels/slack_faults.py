"""What Slack's answers mean for a message: whether it was sent, and whether to try again.

The names are those of Slack's method documentation (docs.slack.dev/reference/methods).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError, URLError

from slack_sdk.errors import SlackApiError

from alerts.channels.base import ChannelError
from alerts.channels.retry_after import retry_after

if TYPE_CHECKING:
    from collections.abc import Mapping

_TOO_MANY, _ELSEWHERE = 429, range(300, 400)


class Kind(Enum):
    """What an answer that is no success means."""

    LIMITED = auto()
    """Too many calls: not sent, and allowed again after a wait."""
    UNREACHED = auto()
    """Nothing got through: not sent."""
    UNSURE = auto()
    """It may have been sent all the same."""
    DESTINATION = auto()
    """This conversation cannot be written to."""
    GONE = auto()
    """The message to be changed, or answered below, is not there any more."""
    REFUSED = auto()
    """Slack does not take the message as it looks."""
    ACCOUNT = auto()
    """Nothing can be done with this token."""
    SCOPE = auto()
    """The token may not do this one thing, until somebody gives it the right."""


_NAMES = {
    Kind.LIMITED: "ratelimited rate_limited",
    Kind.DESTINATION: (
        "channel_not_found is_archived not_in_channel restricted_action "
        "restricted_action_read_only_channel restricted_action_thread_only_channel "
        "restricted_action_non_threadable_channel messages_tab_disabled user_not_found "
        # Slack's own advice for it: let the app be a member of the conversation.
        "no_permission"
    ),
    Kind.GONE: (
        "message_not_found cant_update_message edit_window_closed is_inactive "
        "thread_not_found cannot_reply_to_message restricted_action_thread_locked"
    ),
    Kind.REFUSED: (
        "invalid_blocks invalid_blocks_format msg_blocks_too_long msg_too_long no_text "
        "invalid_metadata_format invalid_metadata_schema metadata_must_be_sent_from_app "
        "metadata_too_large invalid_arguments too_many_attachments"
    ),
    Kind.ACCOUNT: (
        "invalid_auth not_authed account_inactive token_revoked token_expired "
        "not_allowed_token_type ekm_access_denied org_login_required team_access_not_granted "
        "team_added_to_org enterprise_is_restricted two_factor_setup_required accesslimited "
        "message_limit_exceeded app_uninstalled"
    ),
    Kind.SCOPE: "missing_scope",
}
_KINDS = {name: kind for kind, names in _NAMES.items() for name in names.split()}


@dataclass(frozen=True, slots=True)
class Fault:
    """One answer that is no success.

    Attributes
    ----------
    words : str
        The same for people.
    retry_after_s : float or None
        How long Slack asks to wait.
    """

    kind: Kind
    words: str
    retry_after_s: float | None = None

    def as_error(self) -> ChannelError:
        """Return what a channel raises for it."""
        return ChannelError(
            f"Slack: {self.words}",
            permanent=self.kind in (Kind.DESTINATION, Kind.REFUSED),
            curable=self.kind is Kind.DESTINATION,
            unsure=self.kind is Kind.UNSURE,
            gone=self.kind is Kind.GONE,
            retry_after_s=self.retry_after_s,
        )


def fault_of(error: Exception) -> Fault:
    """Say what an error of the SDK means; what nobody knows may have been sent."""
    if isinstance(error, SlackApiError):
        return _of_answer(error)
    if isinstance(error, URLError) and not isinstance(error, HTTPError):
        # Raised before an answer was waited for: no name, no connection, no trust.
        return Fault(Kind.UNREACHED, f"not reached: {error.reason}")
    return Fault(Kind.UNSURE, f"no answer: {type(error).__name__}: {error}")


def _of_answer(error: SlackApiError) -> Fault:
    response = error.response
    status, headers = int(response.status_code), dict(response.headers)
    data = response.data if isinstance(response.data, dict) else {}
    name = str(data.get("error") or "no reason given")
    if status == _TOO_MANY or _KINDS.get(name) is Kind.LIMITED:
        wait_s = retry_after(headers)
        return Fault(Kind.LIMITED, f"too many calls, wait {wait_s:.0f} s", wait_s)
    if status in _ELSEWHERE:
        return Fault(Kind.UNSURE, f"led elsewhere (HTTP {status}), which is not followed")
    kind = _KINDS.get(name, Kind.UNSURE)
    return Fault(kind, f"{name}{_details(data)}" if kind is not Kind.UNSURE else
                 f"{name[:200]} (HTTP {status})")  # fmt: skip


def _details(data: Mapping[str, Any]) -> str:
    """Name what Slack says is wrong, or missing."""
    more = data.get("response_metadata")
    told = data.get("errors") or (more.get("messages") if isinstance(more, dict) else ()) or ()
    needed = data.get("needed")
    parts = [
        *map(str, told if isinstance(told, list) else ()),
        *([f"needs {needed}"] if needed else []),
    ]
    return f" ({'; '.join(parts)[:300]})" if parts else ""
