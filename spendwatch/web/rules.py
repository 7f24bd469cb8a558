"""What holds for every request and every answer, whatever it is about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
"""Of our own server nothing but styles and pictures, of others nothing, and no script at all."""
THESE_NAMES = ("127.0.0.1", "localhost", "[::1]")
"""What this machine calls itself."""
_YEAR_S = 365 * 24 * 60 * 60
_SAFE = ("GET", "HEAD", "OPTIONS")
_OWN_SITE = ("same-origin", "none")


def security_headers(public_url: str) -> dict[str, str]:
    """Return the headers of every answer.

    Parameters
    ----------
    public_url : str
        Where others reach the server over TLS, they are told to do nothing else for a year.

    Examples
    --------
    >>> "strict-transport-security" in security_headers("https://spend.example")
    True
    >>> "strict-transport-security" in security_headers("")
    False
    """
    found = {
        "content-security-policy": POLICY,
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "referrer-policy": "no-referrer",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "cache-control": "no-store",
    }
    if public_url.startswith("https://"):
        found["strict-transport-security"] = f"max-age={_YEAR_S}"
    return found


def name_of(host: str) -> str:
    """Return a host without its port, in lower case.

    Examples
    --------
    >>> name_of("Spend.Example:8443"), name_of("[::1]:8080"), name_of("[::1]")
    ('spend.example', '[::1]', '[::1]')
    """
    name, _, port = host.lower().rpartition(":")
    return name if name and port.isdigit() else host.lower()


@dataclass(frozen=True, slots=True)
class OwnNames:
    """Under which names the server answers.

    Attributes
    ----------
    public_url : str
        Empty where any name will do.
    """

    public_url: str

    def know(self, host: str) -> bool:
        """Whether a request was meant for this server.

        Examples
        --------
        >>> names = OwnNames("https://spend.example")
        >>> [names.know(host) for host in ("spend.example:443", "localhost:80", "evil.example", "")]
        [True, True, False, False]
        >>> OwnNames("").know("evil.example")
        True
        """
        public = self.public_url.partition("://")[2]
        return not public or name_of(host) in (name_of(public), *THESE_NAMES)

    def refuse_site(self, method: str, headers: Mapping[str, str]) -> bool:
        """Whether a page of somebody else's lets a browser change something here.

        A browser says in ``Sec-Fetch-Site`` who sent it, and an older one in ``Origin``, which is
        "null" for a form of our own pages, as they tell nobody where they were. Who is no browser
        sends neither: whatever it may do stands in its signature.

        Parameters
        ----------
        method : str
        headers : mapping of str to str
            By lower-case names.

        Examples
        --------
        >>> names = OwnNames("https://spend.example")
        >>> names.refuse_site("POST", {"origin": "https://evil.example"})
        True
        >>> names.refuse_site("POST", {"origin": "null", "sec-fetch-site": "same-origin"})
        False
        >>> names.refuse_site("GET", {"sec-fetch-site": "cross-site"})
        False
        """
        if method in _SAFE:
            return False
        site, origin = headers.get("sec-fetch-site"), headers.get("origin")
        if site is not None:
            return site not in _OWN_SITE
        if origin is None:
            return False
        _, _, named = origin.lower().partition("://")
        own = (headers.get("host", "").lower(), self.public_url.partition("://")[2].lower())
        return not named or named not in own
