"""Settings of mail that are each right but do not go together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spendwatch.settings_environment import SIGNING_KEYS
from spendwatch.settings_inheritance import table, tables
from spendwatch.settings_problems import Problem
from spendwatch.settings_web import MAKE_ONE, OFF

if TYPE_CHECKING:
    from collections.abc import Iterator

_FOR_LINKS = 'with email.answers = "link"'
_BY = "is required: a receiver is reached by mail, and this is"


def mail_clashes(document: dict[str, Any]) -> Iterator[Problem]:
    """Find what contradicts itself in a completed document."""
    email = table(document, "email")
    yield from _password(email)
    if not any(item.get("kind") == "email" for _, item in tables(document, "receivers")):
        return
    if not email.get("sender"):
        yield Problem(("email", "sender"), f"{_BY} the address that mails come from")
    yield from _answers(email, table(document, "web"))
    if email.get("transport", "smtp") == "azure":
        if not email.get("endpoint"):
            what = "where the resource of Azure Communication Services answers"
            yield Problem(("email", "endpoint"), f'{_BY} {what} (transport = "azure")')
    elif not email.get("host"):
        yield Problem(("email", "host"), f"{_BY} the server that takes mails")


def _answers(email: dict[str, Any], web: dict[str, Any]) -> Iterator[Problem]:
    """Find links that would lead nowhere."""
    if email.get("answers", "off") != "link":
        return
    words = {
        "listen": f"where the page is served that mails lead to, {_FOR_LINKS}",
        "public_url": f"how that page is reached from a mail, {_FOR_LINKS}",
        "signing_keys": f"what links are signed with: set {SIGNING_KEYS} ({MAKE_ONE} makes one)",
    }
    for key, why in words.items():
        if web.get(key, "") in ("", OFF):
            yield Problem(("web", key), f"is required: {why}")


def _password(email: dict[str, Any]) -> Iterator[Problem]:
    """Find a password that would go nowhere, or in the clear."""
    user, password = email.get("user", ""), email.get("password", "")
    if password and not user:
        yield Problem(("email", "password"), "is whose? email.user says with what name to log in")
    if user and email.get("security") == "none":
        yield Problem(
            ("email", "security"),
            'must be "starttls" or "tls" where there is a user: a password is never sent in the '
            "clear",
        )
