"""How the local Slack says no.

SlackError       answered with HTTP 200 and ``ok: false``
  RateLimitError    answered with HTTP 429 and Retry-After
ControlError     a test asked for what a person could not do; answered with HTTP 400
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.local_serving import ControlError as ControlError

if TYPE_CHECKING:
    from collections.abc import Sequence


class SlackError(Exception):
    """A call that is refused, with the reasons as Slack words them."""

    def __init__(self, error: str, problems: Sequence[str] = (), **extra: Any) -> None:
        super().__init__(error, *problems)
        self.error, self.problems, self.extra = error, list(problems), extra

    def answer(self) -> dict[str, Any]:
        """Word the refusal as Slack does."""
        answer: dict[str, Any] = {"ok": False, "error": self.error, **self.extra}
        if self.problems:
            answer["errors"] = self.problems
            messages = [f"[ERROR] {problem}" for problem in self.problems]
            answer["response_metadata"] = {"messages": messages}
        return answer


class RateLimitError(SlackError):
    """Too many calls; ``wait_s`` is in Slack's seconds."""

    def __init__(self, wait_s: float) -> None:
        super().__init__("ratelimited")
        self.wait_s = wait_s
