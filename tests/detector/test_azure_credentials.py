"""Clouds, credentials, where a token may be sent, and what is said without one."""

import subprocess
import sys
from types import SimpleNamespace

import pytest
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ServiceRequestError,
    ServiceResponseError,
)
from azure.identity import (
    ClientSecretCredential,
    CredentialUnavailableError,
    WorkloadIdentityCredential,
)

from detector.sources.azure_credentials import (
    CLOUDS,
    HIDDEN,
    KINDS,
    CredentialError,
    WatchedCredential,
    check_endpoint,
    credential_for,
    explain,
    watched,
)
from tests.azure.asking import StubCredential

TENANT = "22222222-3333-4444-5555-666666666666"
CANARY = "canary-secret-value"


def test_azure_is_not_imported_before_it_is_asked():
    code = "import sys, detector.sources.log_analytics; print('azure' in sys.modules)"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert printed.stdout.strip() == b"False"


@pytest.mark.parametrize("cloud", ["public", "us_government", "china"])
def test_each_cloud_has_an_endpoint_a_token_may_be_sent_to(cloud):
    found = CLOUDS[cloud]
    assert check_endpoint(found.endpoint) == found.endpoint
    assert found.audience.startswith("https://")
    assert "/" not in found.authority


def test_no_two_clouds_share_anything():
    for field in ("endpoint", "audience", "authority"):
        assert len({getattr(each, field) for each in CLOUDS.values()}) == 3


@pytest.mark.parametrize(
    "endpoint",
    ["https://api.loganalytics.io", "https://logs.internal:8443/", "https://10.1.2.3/v1",
     "http://127.0.0.1:8080", "http://127.8.9.1", "http://localhost:1", "http://[::1]:80"],
)  # fmt: skip
def test_a_token_goes_over_https_anywhere_and_over_http_to_this_machine(endpoint):
    assert check_endpoint(endpoint) == endpoint.removesuffix("/").removesuffix("/v1")


@pytest.mark.parametrize(
    "endpoint",
    ["http://api.loganalytics.io", "HTTP://192.168.0.1", "http://127.0.0.1.example.org",
     "http://127.0.0.1@example.org", "http://localhost:80@example.org", "http://example.org#@::1",
     "http://127.0.0.1\\@example.org", "http://0.0.0.0", "http://[::ffff:10.0.0.1]",
     "http://localhost.example.org", "https://user:password@example.org", "ftp://127.0.0.1",
     "api.loganalytics.io", "", "https://", "https://example.org/other/path",
     "https://example.org?a=b", "http://127.1"],
)  # fmt: skip
def test_a_token_goes_nowhere_else(endpoint):
    with pytest.raises(ValueError, match=r"^endpoint: "):
        check_endpoint(endpoint)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("cloud", CLOUDS)
def test_every_kind_of_credential_is_made_for_every_cloud(kind, cloud, monkeypatch, tmp_path):
    monkeypatch.setenv("AZURE_FEDERATED_TOKEN_FILE", str(tmp_path / "token"))
    made = credential_for(kind, cloud, TENANT, TENANT, CANARY)
    assert isinstance(made, WatchedCredential)
    assert CANARY not in repr(made)


def test_a_client_secret_names_every_setting_that_is_missing():
    with pytest.raises(ValueError, match="client_id, client_secret must be set"):
        credential_for("client_secret", "public", TENANT)


def test_a_kind_that_there_is_not_is_refused():
    with pytest.raises(ValueError, match="'magic' is not one of default, managed_identity"):
        credential_for("magic", "public")


@pytest.mark.parametrize("kind", ["workload_identity", "client_secret"])
def test_a_credential_that_cannot_be_made_says_what_to_check_and_quotes_nothing(kind, monkeypatch):
    for name in ("AZURE_FEDERATED_TOKEN_FILE", "AZURE_TENANT_ID", "AZURE_CLIENT_ID"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ValueError, match="tenant_id") as raised:
        credential_for(kind, "public", f"{CANARY}/not a tenant", TENANT, CANARY)
    assert CANARY not in str(raised.value)


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        (f"AADSTS7000215: Invalid client secret '{CANARY}'", "takes its value, not its id"),
        ("AADSTS7000222: The provided client secret keys are expired.", "has expired"),
        ("AADSTS700016: Application not found in the directory", "client_id and tenant_id"),
        ("AADSTS90002: Tenant not found.", "no such tenant"),
        (f"AADSTS50001: {CANARY}", r"AADSTS50001\): check tenant_id and client_id"),
    ],
)
def test_fault_27_a_refused_secret_is_told_by_its_code_in_our_words(words, advice):
    told = explain(ClientAuthenticationError(f"Authentication failed: {words}"), "client_secret")
    assert not told.retryable
    with pytest.raises(CredentialError, match=advice):
        raise told
    assert CANARY not in str(told)


@pytest.mark.parametrize(
    ("kind", "advice"),
    [("default", "nothing on this machine gave a token"),
     ("managed_identity", "give this machine a managed identity"),
     ("workload_identity", "federated credential"),
     ("", r"check \[azure\]")],
)  # fmt: skip
def test_fault_27_a_machine_without_an_identity_is_told_what_to_give_it(kind, advice):
    told = explain(CredentialUnavailableError(CANARY), kind)
    assert not told.retryable
    with pytest.raises(CredentialError, match=advice):
        raise told
    assert CANARY not in str(told)


def with_status(status):
    return HttpResponseError(response=SimpleNamespace(status_code=status, reason=CANARY))


@pytest.mark.parametrize(
    "error",
    [ServiceRequestError(CANARY), ServiceResponseError(CANARY), with_status(503), with_status(429)],
)
def test_fault_26_a_token_that_could_not_be_fetched_may_be_had_later(error):
    told = explain(error, "client_secret")
    assert told.retryable
    assert "check the network" in str(told)
    assert CANARY not in str(told)


def real_one(kind, **options):
    """A credential of the real library, for an authority at a port that nobody listens on."""
    asked = {"tenant_id": TENANT, "client_id": TENANT, "authority": "127.0.0.1:9", **options}
    return WatchedCredential(kind(**asked, disable_instance_discovery=True, retry_total=0), "")


def test_fault_26_an_authority_that_is_not_reached_may_be_reached_later(capfd):
    credential = real_one(ClientSecretCredential, client_secret=CANARY)
    with pytest.raises(CredentialError, match="got no answer to its request") as raised:
        credential.get_token("https://api.loganalytics.io/.default")
    assert raised.value.retryable
    assert capfd.readouterr() == ("", ""), "the library's own warning goes to nobody's terminal"


def test_fault_27_a_token_file_that_is_not_there_is_a_refusal(tmp_path):
    credential = real_one(WorkloadIdentityCredential, token_file_path=str(tmp_path / CANARY))
    with pytest.raises(CredentialError, match="FileNotFoundError") as raised:
        credential.get_token("https://api.loganalytics.io/.default")
    assert not raised.value.retryable
    assert CANARY not in str(raised.value)


def test_a_request_for_a_token_that_is_refused_will_be_refused_again():
    assert not explain(with_status(400), "client_secret").retryable


def test_what_a_credential_gave_out_can_be_hidden():
    credential = watched(StubCredential(CANARY))
    assert credential.hide(f"a {CANARY} b") == f"a {CANARY} b"
    given = [credential.get_token("scope").token for _ in range(2)]
    assert given == [CANARY, CANARY]
    assert credential.hide(f"a {CANARY} b") == f"a {HIDDEN} b"
    assert watched(credential) is credential


def test_a_failure_says_nothing_of_what_the_library_said():
    credential = watched(StubCredential("t", RuntimeError(CANARY), CredentialError("ours")))
    with pytest.raises(CredentialError, match="RuntimeError") as raised:
        credential.get_token("scope")
    assert raised.value.__suppress_context__
    with pytest.raises(CredentialError, match="ours"):
        credential.get_token("scope")
