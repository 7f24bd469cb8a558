"""Mail handed in by SMTP, never in the clear with a password."""

from __future__ import annotations

import smtplib
import ssl
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal

from alerts.channels.base import ChannelError
from alerts.channels.mail import TooLargeError

if TYPE_CHECKING:
    from collections.abc import Callable
    from email.message import EmailMessage

_PASSING = range(400, 500)
_TOO_LARGE, _CLOSING, _GO_AHEAD, _OK = 552, 421, 354, 250
PROBE_S = 60.0
"""After a server was not reached it is tried again so much later: others need not wait for it."""
_IDLE_S = 20.0
"""A connection that was silent for longer is tried before a mail is trusted to it."""
_SAID = 200


@dataclass(frozen=True, slots=True)
class Server:
    """Where mail is handed in.

    Attributes
    ----------
    security : str
        ``starttls``, ``tls`` from the first byte, or ``none``, which takes no password.
    user, password : str
        Empty where the server asks for none.
    ca_file : str
        File of certificates to trust besides the system's; empty for none.
    """

    host: str
    port: int = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    user: str = ""
    password: str = ""
    timeout_s: float = 10.0
    ca_file: str = ""


class _SenderRefusedError(ChannelError):
    """It is us who are refused, and not a mail: it is tried again for as long as any other."""


class SmtpAccount:
    """A connection that is kept from one mail to the next, and made again where it is lost.

    Attributes
    ----------
    down : str
        Why the server takes nothing; empty while it does.
    """

    can_be_asked = False

    def __init__(
        self, server: Server, steady: Callable[[], float], probe_s: float = PROBE_S
    ) -> None:
        if server.password and server.security == "none":
            raise ValueError("a password is only sent over TLS: set security to starttls or tls")
        self.down = ""
        self._server, self._steady, self._probe_s = server, steady, probe_s
        self._smtp: smtplib.SMTP | None = None
        self._used_s = self._tried_s = float("-inf")
        self._lock = Lock()

    def wait_s(self) -> float:
        """Return how long a server that is down is left alone."""
        return max(0.0, self._tried_s + self._probe_s - self._steady()) if self.down else 0.0

    def hand_in(self, mail: EmailMessage) -> None:
        """Hand a mail in; raises ChannelError where the server does not say that it took it."""
        with self._lock:  # one conversation at a time
            smtp = self._ready()
            try:
                _converse(smtp, mail)
            except _SenderRefusedError as error:
                self._end_transaction(smtp)
                self._note_down(error)  # of whoever else it would come: nobody gets any mail
                raise
            except ChannelError:
                self._end_transaction(smtp)
                raise
            self._used_s = self._steady()

    def was_taken(self, mail: EmailMessage) -> bool:
        """Return False: what a server took cannot be asked for; raises ChannelError.

        It connects all the same: a server that is not there must not cost a mail its last try.
        """
        with self._lock:
            self._ready()
        return False

    def close(self) -> None:
        """End the connection, where there is one."""
        with self._lock:
            if self._smtp:
                with suppress(OSError, smtplib.SMTPException):
                    self._smtp.quit()
            self._forget()

    def try_out(self) -> None:
        """Connect and log in, as a mail would, and send none; raises ChannelError."""
        with self._lock:
            self._ready()
        self.close()

    def _ready(self) -> smtplib.SMTP:
        """Return a connection that was heard of just now; raises ChannelError."""
        if self._smtp and self._steady() - self._used_s > _IDLE_S and not _answers(self._smtp):
            self._forget()
        try:
            self._smtp = self._smtp or self._connect()
        except (OSError, smtplib.SMTPException) as error:
            found = _unreached(error)
            self._note_down(found)
            raise found from error
        self.down = ""
        return self._smtp

    def _note_down(self, why: ChannelError) -> None:
        self.down, self._tried_s = str(why), self._steady()

    def _connect(self) -> smtplib.SMTP:
        server = self._server
        trust = ssl.create_default_context()
        if server.ca_file:
            trust.load_verify_locations(server.ca_file)
        place: dict[str, Any] = {"timeout": server.timeout_s}
        if server.security == "tls":
            smtp: smtplib.SMTP = smtplib.SMTP_SSL(server.host, server.port, context=trust, **place)
        else:
            smtp = smtplib.SMTP(server.host, server.port, **place)
        try:
            if server.security == "starttls":
                smtp.starttls(context=trust)
            smtp.ehlo_or_helo_if_needed()
            if server.user:
                smtp.login(server.user, server.password)
        except BaseException:
            smtp.close()
            raise
        return smtp

    def _end_transaction(self, smtp: smtplib.SMTP) -> None:
        """Leave the connection as it was before a mail, or leave it altogether."""
        try:
            smtp.rset()
        except (OSError, smtplib.SMTPException):
            self._forget()

    def _forget(self) -> None:
        if self._smtp:
            self._smtp.close()
        self._smtp = None


def _converse(smtp: smtplib.SMTP, mail: EmailMessage) -> None:
    """Hand over one mail; only what is lost after its text was begun may have been taken."""
    sender, recipient = mail["From"].addresses[0].addr_spec, mail["To"].addresses[0].addr_spec
    try:
        _require_sender(smtp.mail(sender))
        _require(smtp.rcpt(recipient), "the recipient is refused", nobody_there=True)
    except (OSError, smtplib.SMTPException) as error:
        raise _lost("before it was sent", error, unsure=False) from error
    try:
        _require(smtp.data(mail.as_bytes(policy=mail.policy)), "the mail is refused")
    except smtplib.SMTPDataError as error:  # it did not even want the text
        raise _answered(error.smtp_code, error.smtp_error, "the mail is refused") from error
    except (OSError, smtplib.SMTPException) as error:
        raise _lost("while it was sent", error, unsure=True) from error


def _require(answer: tuple[int, bytes], what: str, *, nobody_there: bool = False) -> None:
    code, said = answer
    if code // 100 != _OK // 100:
        raise _answered(code, said, what, nobody_there=nobody_there)


def _require_sender(answer: tuple[int, bytes]) -> None:
    try:
        _require(answer, "the sender is refused")
    except ChannelError as error:
        raise _SenderRefusedError(str(error), unsure=False) from error


def _answers(smtp: smtplib.SMTP) -> bool:
    try:
        return smtp.noop()[0] == _OK
    except (OSError, smtplib.SMTPException):
        return False


def _unreached(error: Exception) -> ChannelError:
    """Nothing of a mail was said yet: it was not sent."""
    if isinstance(error, smtplib.SMTPAuthenticationError):
        words = f"SMTP: the server refuses the password ({error.smtp_code})"
    elif isinstance(error, ssl.SSLCertVerificationError):
        words = f"SMTP: the certificate is not trusted: {error.verify_message}"
    elif isinstance(error, smtplib.SMTPNotSupportedError):
        words = f"SMTP: the server lacks what the settings ask for: {error}"
    else:
        words = f"SMTP: not reached: {type(error).__name__}: {error}"
    return ChannelError(words, unsure=False)


def _lost(when: str, error: Exception, *, unsure: bool) -> ChannelError:
    return ChannelError(f"SMTP: lost {when}: {type(error).__name__}: {error}", unsure=unsure)


def _answered(
    code: int, said: bytes | str, what: str, *, nobody_there: bool = False
) -> ChannelError:
    words = said.decode(errors="replace") if isinstance(said, bytes) else said
    final = code not in _PASSING
    kind = TooLargeError if code == _TOO_LARGE else ChannelError
    return kind(
        f"SMTP: {what}: {code} {' '.join(words.split())[:_SAID]}",
        permanent=final,
        curable=final and not nobody_there,  # an address that is refused is refused again
        unsure=False,
        nobody_there=final and nobody_there,
    )
