from __future__ import annotations

import pytest

from spendwatch.settings import ConfigError, load_settings
from spendwatch.settings_outbound import HOW_TO_MAKE_A_KEY, signing_keys
from tests.spendwatch.config_files import ENOUGH

KEY, NEXT = "whsec_" + "QUJD" * 8, "REVG" * 8
HOOK = '[[receivers]]\nkind = "webhook"\nname = "billing"\nurl = "{}"\n'
URL = "https://hooks.example/in?token=hunter2"
PING = "https://ping.example/0f1e2d3c"


def load(folder, text="", **environ):
    """Load settings; each variable is named by what follows SPENDWATCH_OUTBOUND__."""
    path = folder / "config.toml"
    path.write_text(f"{ENOUGH}\n{text}", encoding="utf-8")
    named = {f"SPENDWATCH_OUTBOUND__{key}": value for key, value in environ.items()}
    return load_settings(path, named)


def refused(folder, text="", **environ):
    with pytest.raises(ConfigError) as caught:
        load(folder, text, **environ)
    return "\n".join(caught.value.problems)


def test_what_signs_comes_from_the_environment_and_is_never_shown(tmp_path):
    outbound = load(tmp_path, SIGNING_SECRET=f"{KEY} {NEXT}", HEARTBEAT_URL=PING).outbound
    assert signing_keys(outbound.signing_secret.get_secret_value()) == (b"ABC" * 8, b"DEF" * 8)
    assert outbound.heartbeat_url.get_secret_value() == PING
    assert "QUJD" not in f"{outbound!r} {outbound}"
    assert "0f1e2d3c" not in f"{outbound!r} {outbound}"


def test_both_can_be_read_from_files(tmp_path):
    (tmp_path / "key").write_text(f"{KEY}\n{NEXT}\n")
    (tmp_path / "url").write_text(f"{PING}\n")
    files = {
        "SIGNING_SECRET_FILE": str(tmp_path / "key"),
        "HEARTBEAT_URL_FILE": str(tmp_path / "url"),
    }
    outbound = load(tmp_path, **files).outbound
    assert len(signing_keys(outbound.signing_secret.get_secret_value())) == 2
    assert outbound.heartbeat_url.get_secret_value() == PING


def test_where_the_heartbeat_goes_may_also_stand_in_the_file(tmp_path):
    outbound = load(tmp_path, f'[outbound]\nheartbeat_url = "{PING}"\n').outbound
    assert (outbound.heartbeat_url.get_secret_value(), outbound.heartbeat_minutes) == (PING, 5)
    assert outbound.timeout_s == 10


def test_fault_2_what_signs_is_refused_in_the_file_unseen(tmp_path):
    problems = refused(tmp_path, f'[outbound]\nsigning_secret = "{KEY}"\n')
    assert "SPENDWATCH_OUTBOUND__SIGNING_SECRET_FILE" in problems
    assert "QUJD" not in problems


@pytest.mark.parametrize(
    "value", ["hunter2", "whsec_", f"{KEY} {KEY} {NEXT}", "whsec_c2hvcnQ=", "QUJD" * 40, "gê"]
)
def test_what_is_no_key_is_refused_unseen_with_advice(tmp_path, value):
    problems = refused(tmp_path, SIGNING_SECRET=value)
    assert HOW_TO_MAKE_A_KEY in problems
    assert value not in problems.replace(HOW_TO_MAKE_A_KEY, "").replace("after whsec_", "")


def test_a_webhook_without_a_key_is_a_problem_with_advice(tmp_path):
    problems = refused(tmp_path, HOOK.format(URL))
    assert "receivers[1].kind: needs a key that its messages are signed with" in problems
    assert "SPENDWATCH_OUTBOUND__SIGNING_SECRET_FILE" in problems
    assert HOW_TO_MAKE_A_KEY in problems


def test_of_a_webhook_only_the_host_is_shown(tmp_path):
    *_, receiver = load(tmp_path, HOOK.format(URL), SIGNING_SECRET=KEY).receivers
    assert (receiver.url, receiver.place) == (URL, "https://hooks.example")
    assert "hunter2" not in f"{receiver!r}"


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example/hunter2", "https://me:hunter2@hooks.example/", "hunter2", "https://",
        "https://hooks.example/#hunter2", "https://hooks.example/hunter2\\n", "ftp://x/hunter2",
        "https://hooks.example:0/hunter2", "https://hooks.example:99999/hunter2",
        "https://hööks.example/hunter2", "https://hooks.example\\\\@x/hunter2",
    ],
)  # fmt: skip
def test_what_is_no_address_to_call_is_refused_unseen(tmp_path, url):
    problems = refused(tmp_path, HOOK.format(url), SIGNING_SECRET=KEY)
    # A password in an address looks like a secret, and is refused as one.
    assert "must be an address that begins with https://" in problems or "secret" in problems
    assert "hunter2" not in problems


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://169.254.169.254/latest", "where clouds keep their metadata"),
        ("https://localhost/", "localhost is an address of this machine"),
        ("http://127.0.0.1:8080/", "127.0.0.1 is an address of this machine"),
        ("https://[::ffff:10.0.0.1]/", "a private address"),
    ],
)
def test_fault_96_a_private_address_is_a_problem_before_it_is_called(tmp_path, url, words):
    problems = refused(tmp_path, HOOK.format(url), SIGNING_SECRET=KEY, HEARTBEAT_URL=url)
    assert problems.count(words) == 2
    assert "outbound.private_hosts" in problems


def test_a_private_address_may_be_named(tmp_path):
    named = {"SIGNING_SECRET": KEY, "PRIVATE_HOSTS": '["127.0.0.0/8", "Hooks.corp.example."]'}
    settings = load(tmp_path, HOOK.format("http://localhost:8080/in"), **named)
    assert settings.outbound.private_hosts == ("127.0.0.0/8", "hooks.corp.example")


@pytest.mark.parametrize("value", ["", "10.0.0.1/8", "https://x/", "a b", "300.1.2.3", "*.corp"])
def test_what_is_neither_a_host_nor_a_network_is_refused(tmp_path, value):
    problems = refused(tmp_path, PRIVATE_HOSTS=f'["{value}"]')
    assert "must be the name of a host such as hooks.corp.example, or a network" in problems


def test_a_file_of_authorities_begins_at_the_folder_of_the_settings(tmp_path):
    outbound = load(tmp_path, '[outbound]\nca_file = "ca.pem"\n').outbound
    assert outbound.ca_file == tmp_path / "ca.pem"
