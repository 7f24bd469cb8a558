from __future__ import annotations

import pytest

from spendwatch.settings import ConfigError, load_settings
from spendwatch.settings_web import host_and_port
from tests.spendwatch.config_files import ENOUGH

TOKEN, KEY, SECRET = "t" * 16, "k" * 32, "s" * 32


def load(folder, text="", **environ):
    """Load settings; each variable is named by what follows SPENDWATCH_."""
    path = folder / "config.toml"
    path.write_text(f"{ENOUGH}\n{text}", encoding="utf-8")
    return load_settings(path, {f"SPENDWATCH_{key}": value for key, value in environ.items()})


def refused(folder, text="", **environ):
    with pytest.raises(ConfigError) as caught:
        load(folder, text, **environ)
    return "\n".join(caught.value.problems)


def test_nothing_is_served_unless_it_is_asked_for(tmp_path):
    assert not load(tmp_path).web.serves


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("8080", "127.0.0.1:8080"),
        ("127.0.0.1:8080", "127.0.0.1:8080"),
        ("localhost:8080", "127.0.0.1:8080"),
        ("[::1]:8080", "[::1]:8080"),
        ("[0:0:0:0:0:0:0:1]:0", "[::1]:0"),
    ],
)
def test_it_listens_on_this_machine_unless_told_otherwise(tmp_path, written, kept):
    web = load(tmp_path, WEB__LISTEN=written).web
    assert (web.listen, web.serves) == (kept, True)
    assert host_and_port(kept)[1] == int(kept.rpartition(":")[2])


def test_a_port_may_be_a_number_in_the_file(tmp_path):
    assert load(tmp_path, "[web]\nlisten = 8080").web.listen == "127.0.0.1:8080"


@pytest.mark.parametrize(
    "written",
    ["", "on", "70000", ":8080", "::1:8080", "[127.0.0.1]:80", "example.org:80", "1.2.3.4", "-1"],
)
def test_where_nothing_can_listen_is_told(tmp_path, written):
    assert 'web.listen: must be "off", or an address' in refused(
        tmp_path, f'[web]\nlisten = "{written}"'
    )
    assert "must be" in refused(tmp_path, "[web]\nlisten = true")


@pytest.mark.parametrize("listen", ["0.0.0.0:8080", "[::]:8080", "10.0.0.7:8080"])
def test_other_machines_need_a_token_for_the_metrics(tmp_path, listen):
    problems = refused(tmp_path, WEB__LISTEN=listen)
    assert f"web.token: is required where web.listen ({listen}) is heard by other" in problems
    assert "set SPENDWATCH_WEB__TOKEN, or SPENDWATCH_WEB__TOKEN_FILE" in problems
    assert load(tmp_path, WEB__LISTEN=listen, WEB__TOKEN=TOKEN).web.serves


def test_this_machine_needs_none(tmp_path):
    assert load(tmp_path, WEB__LISTEN="8080").web.token.get_secret_value() == ""


def test_secrets_come_from_the_environment_and_are_never_shown(tmp_path):
    settings = load(
        tmp_path,
        WEB__LISTEN="8080",
        WEB__TOKEN=TOKEN,
        WEB__SIGNING_KEYS=f" {KEY}\n{KEY[::-1]}old ",
        SLACK__SIGNING_SECRET=f"{SECRET} {SECRET}2",
    )
    assert settings.web.keys == (KEY, f"{KEY[::-1]}old")
    assert settings.slack.signing_secrets == (SECRET, f"{SECRET}2")
    shown = f"{settings!r} {settings} {settings.web!r} {settings.model_dump()}"
    assert not [each for each in (TOKEN, KEY, SECRET) if each in shown]


def test_secrets_can_be_read_from_files(tmp_path):
    for name, value in (("token", TOKEN), ("keys", f"{KEY}\n{KEY}"), ("secret", SECRET)):
        (tmp_path / name).write_text(f"{value}\n")
    settings = load(
        tmp_path,
        WEB__LISTEN="8080",
        WEB__TOKEN_FILE=str(tmp_path / "token"),
        WEB__SIGNING_KEYS_FILE=str(tmp_path / "keys"),
        SLACK__SIGNING_SECRET_FILE=str(tmp_path / "secret"),
    )
    assert (settings.web.keys, settings.slack.signing_secrets) == ((KEY, KEY), (SECRET,))


@pytest.mark.parametrize("key", ["web.token", "web.signing_keys", "slack.signing_secret"])
def test_fault_2_a_secret_in_the_file_is_refused_unseen(tmp_path, key):
    section, name = key.split(".")
    problems = refused(tmp_path, f'[{section}]\n{name} = "{KEY}"')
    assert f"{key}: looks like a secret" in problems
    assert KEY not in problems


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WEB__TOKEN", "hunter2"),
        ("WEB__TOKEN", "hunter2 " * 4),
        ("WEB__SIGNING_KEYS", "hunter2"),
        ("WEB__SIGNING_KEYS", f"{KEY} hunter2"),
        ("SLACK__SIGNING_SECRET", "hunter2"),
        ("SLACK__SIGNING_SECRET", f"{SECRET} {SECRET} {SECRET}"),
    ],
)
def test_a_secret_that_is_too_short_or_one_too_many_is_refused_unseen(tmp_path, name, value):
    problems = refused(tmp_path, WEB__LISTEN="8080", **{name: value})
    assert f"environment: SPENDWATCH_{name}: must be" in problems
    assert "hunter2" not in problems
    assert SECRET not in problems


def test_a_signing_secret_without_a_server_is_a_problem(tmp_path):
    problems = refused(tmp_path, SLACK__SIGNING_SECRET=SECRET)
    assert "SPENDWATCH_SLACK__SIGNING_SECRET: needs web.listen" in problems


def test_slack_may_have_both_an_app_token_and_a_signing_secret(tmp_path):
    secrets = {"SLACK__SIGNING_SECRET": SECRET, "SLACK__APP_TOKEN": "xapp-1"}
    slack = load(tmp_path, WEB__LISTEN="1", **secrets).slack
    assert slack.app_token
    assert slack.signing_secrets


def test_everything_that_is_wrong_is_told_at_once(tmp_path):
    problems = refused(
        tmp_path,
        '[web]\nlisten = "0.0.0.0:8080"\npublic_url = "http://spend.example"\nproxies = ["x"]\n'
        "requests_a_minute = 0\nlissen = 1",
    )
    for key in ("token", "public_url", "proxies[0]", "requests_a_minute", "lissen"):
        assert f"web.{key}: " in problems


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("", ""),
        ("https://spend.example/", "https://spend.example"),
        ("https://spend.example:8443", "https://spend.example:8443"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
    ],
)
def test_others_reach_it_over_tls(tmp_path, written, kept):
    assert load(tmp_path, WEB__PUBLIC_URL=written).web.public_url == kept


@pytest.mark.parametrize("written", ["http://spend.example", "https://x.example/spend", "spend"])
def test_others_reach_it_over_nothing_else(tmp_path, written):
    assert "PUBLIC_URL: must be an address" in refused(tmp_path, WEB__PUBLIC_URL=written)


def test_proxies_are_addresses_and_networks(tmp_path):
    web = load(tmp_path, WEB__PROXIES='["10.1.2.3/8", "::1"]').web
    assert web.proxies == ("10.0.0.0/8", "::1/128")
    assert [each.prefixlen for each in web.networks] == [8, 128]


def test_what_kubernetes_sets_beside_a_service_of_that_name_is_left_alone(tmp_path):
    load(tmp_path, WEB_SERVICE_HOST="10.0.0.1", WEB_PORT="tcp://10.0.0.1:8080", WEB_PORT_80_TCP="x")
    assert "unknown variable" in refused(tmp_path, WEB_LISTEN="8080")
