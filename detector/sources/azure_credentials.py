"""Who we are for Azure: the clouds, the kinds of credential, and what it means to get no token.

Errors
------
CredentialError
    No token could be had; its words say what to do, and hold neither token nor secret.
"""

from __future__ import annotations

import logging
import re
from collections import deque
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from detector.sources.base import SourceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from azure.core.credentials import AccessToken, TokenCredential

KINDS = ("default", "managed_identity", "workload_identity", "client_secret")
HIDDEN = "[hidden]"
_TOKENS_KEPT = 4
_UNHEARD = logging.NullHandler()
"""What Azure's libraries log is for their debugging, and belongs on nobody's terminal."""
_NOT_NOW = (408, 429)
_SERVER_ERROR = 500


@dataclass(frozen=True, slots=True)
class Cloud:
    """Where a cloud answers queries, what its tokens are for, and who gives them out."""

    endpoint: str
    audience: str
    authority: str


CLOUDS = {
    "public": Cloud(
        "https://api.loganalytics.io", "https://api.loganalytics.io", "login.microsoftonline.com"
    ),
    "us_government": Cloud(
        "https://api.loganalytics.us", "https://api.loganalytics.us", "login.microsoftonline.us"
    ),
    "china": Cloud(
        "https://api.loganalytics.azure.cn",
        "https://api.loganalytics.azure.cn",
        "login.chinacloudapi.cn",
    ),
}
_CODE = re.compile(r"\bAADSTS\d+\b")
_ADVICE = {
    "AADSTS7000215": "the client secret is wrong; SPENDWATCH_AZURE__CLIENT_SECRET takes its value, "
    "not its id",
    "AADSTS7000222": "the client secret has expired; make a new one in the app registration and "
    "set SPENDWATCH_AZURE__CLIENT_SECRET",
    "AADSTS700016": "the tenant knows no such app; check client_id and tenant_id in [azure]",
    "AADSTS90002": "there is no such tenant; check tenant_id and cloud in [azure]",
}
_ADVICE_OF_KIND = {
    "default": "nothing on this machine gave a token (environment, workload identity, managed "
    "identity and Azure CLI were asked); give it an identity, or set credential in [azure] to the "
    "one that is meant",
    "managed_identity": "give this machine a managed identity, or set client_id in [azure] to that "
    "of the user-assigned one that is meant",
    "workload_identity": "check client_id and tenant_id in [azure], that the pod carries the label "
    "azure.workload.identity/use, and the federated credential of the identity",
    "client_secret": "check tenant_id and client_id in [azure] and SPENDWATCH_AZURE__CLIENT_SECRET",
}


class CredentialError(SourceError):
    """No token could be had."""


class WatchedCredential:
    """A credential whose failures are said in plain words, and that can hide what it gave out."""

    def __init__(self, credential: TokenCredential, kind: str) -> None:
        self._credential = credential
        self._kind = kind
        self._given: deque[str] = deque(maxlen=_TOKENS_KEPT)
        logging.getLogger("azure").addHandler(_UNHEARD)

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        """Get a token; raises CredentialError."""
        try:
            token = self._credential.get_token(*scopes, **options)
        except CredentialError:
            raise
        except Exception as error:  # noqa: BLE001 - any library may stand behind a credential
            # Not chained: its words could hold what must not be shown.
            raise explain(error, self._kind) from None
        if token.token not in self._given:
            self._given.append(token.token)
        return token

    def hide(self, text: str) -> str:
        """Take every token that was given out from a text."""
        for token in self._given:
            text = text.replace(token, HIDDEN)
        return text


def watched(credential: TokenCredential) -> WatchedCredential:
    """Let a credential explain itself, if it does not yet."""
    if isinstance(credential, WatchedCredential):
        return credential
    return WatchedCredential(credential, "")


def explain(error: Exception, kind: str) -> CredentialError:
    """Say what a failure to get a token means, in words of our own."""
    name = f"{kind} credential" if kind else "credential"
    if _may_pass(error):
        return CredentialError(
            f"the {name} got no answer to its request for a token ({type(error).__name__}); "
            "check the network between here and Microsoft Entra",
            retryable=True,
        )
    code = next(iter(_CODE.findall(str(error))), "")
    advice = _ADVICE.get(code) or _ADVICE_OF_KIND.get(kind) or "check [azure] in the settings"
    return CredentialError(f"the {name} gave no token ({code or type(error).__name__}): {advice}")


def _may_pass(error: Exception) -> bool:
    """Tell a failure of the network or the service from a refusal.

    Azure's libraries call both an authentication that failed; what it came from tells them apart.
    """
    from azure.core.exceptions import HttpResponseError, ServiceRequestError, ServiceResponseError

    if _CODE.search(str(error)):
        return False
    for cause in _causes(error):
        if isinstance(cause, (ServiceRequestError, ServiceResponseError)):
            return True
        status = cause.status_code if isinstance(cause, HttpResponseError) else None
        if status is not None and (status in _NOT_NOW or status >= _SERVER_ERROR):
            return True
    return False


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Give an error and what it came from."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


def credential_for(
    kind: str, cloud: str, tenant_id: str = "", client_id: str = "", client_secret: str = ""
) -> TokenCredential:
    """Make the credential that the settings name; ValueError says which setting is missing."""
    if kind not in _MAKERS:
        raise ValueError(f"credential: {kind!r} is not one of {', '.join(KINDS)}")
    given = {"tenant_id": tenant_id, "client_id": client_id, "client_secret": client_secret}
    try:
        made = _MAKERS[kind](CLOUDS[cloud].authority, given)
    except ValueError as error:
        if error.__class__ is _Missing:
            raise
        # What the library says could quote what it was given.
        raise ValueError(f"{kind} credential: {_ADVICE_OF_KIND[kind]}") from None
    return WatchedCredential(made, kind)


class _Missing(ValueError):  # noqa: N818 - it says what is so
    """A setting that this kind of credential needs."""


def _default(authority: str, given: dict[str, str]) -> TokenCredential:
    from azure.identity import DefaultAzureCredential

    identity = {"managed_identity_client_id": given["client_id"]} if given["client_id"] else {}
    return DefaultAzureCredential(authority=authority, **identity)


def _managed_identity(_authority: str, given: dict[str, str]) -> TokenCredential:
    from azure.identity import ManagedIdentityCredential

    return ManagedIdentityCredential(client_id=given["client_id"] or None)


def _workload_identity(authority: str, given: dict[str, str]) -> TokenCredential:
    from azure.identity import WorkloadIdentityCredential

    named = {name: given[name] for name in ("tenant_id", "client_id") if given[name]}
    return WorkloadIdentityCredential(authority=authority, **named)


def _client_secret(authority: str, given: dict[str, str]) -> TokenCredential:
    from azure.identity import ClientSecretCredential

    missing = [name for name, value in given.items() if not value]
    if missing:
        raise _Missing(f"client_secret credential: {', '.join(missing)} must be set")
    return ClientSecretCredential(**given, authority=authority)


_MAKERS: dict[str, Callable[[str, dict[str, str]], TokenCredential]] = {
    "default": _default,
    "managed_identity": _managed_identity,
    "workload_identity": _workload_identity,
    "client_secret": _client_secret,
}

_HOST = re.compile(r"[A-Za-z0-9.-]+(:\d{1,5})?|\[[0-9A-Fa-f:]+\](:\d{1,5})?")


def check_endpoint(endpoint: str) -> str:
    """Return an endpoint to which a token may be sent; ValueError for any other.

    https goes anywhere, http to this machine alone: whoever is between reads what http carries.
    """
    parts = urlsplit(endpoint.strip())
    # A name before an @ is read differently by different libraries.
    plain = _HOST.fullmatch(parts.netloc) and not parts.query and not parts.fragment
    if parts.scheme not in ("https", "http") or not plain or parts.path not in ("", "/", "/v1"):
        raise ValueError(f"endpoint: {endpoint!r} is not an address like https://host")
    if parts.scheme == "http" and not _is_loopback(parts.hostname or ""):
        raise ValueError(
            f"endpoint: {endpoint!r} would carry the token in the clear; http is for "
            "127.0.0.1, ::1 and localhost, everything else takes https"
        )
    return f"{parts.scheme}://{parts.netloc}"


def is_clear(endpoint: str) -> bool:
    """Tell whether an endpoint that was checked is reached over http."""
    return endpoint.startswith("http://")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
