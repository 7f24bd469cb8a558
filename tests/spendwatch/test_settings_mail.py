"""The settings of mail: what is required, what is refused, and where secrets may stand."""

from __future__ import annotations

import pytest

from alerts import recipients
from spendwatch.channels import smtp_of
from spendwatch.db import writing
from spendwatch.mail_links import links_of
from spendwatch.settings import ConfigError, load_settings
from tests.builders import a_notification
from tests.mail.local import mail_server
from tests.spendwatch.installations import CONFIG, Installation

PEOPLE = """
[[receivers]]
kind = "email"
name = "people"
addresses = {addresses}
"""
EMAIL = """
[email]
sender = "Spendwatch <spendwatch@example.com>"
host = "smtp.example.com"
"""
CANARY = "canary-of-the-mail-server"
KEYS = {"SPENDWATCH_WEB__SIGNING_KEYS": "k" * 40}
WEB = '\n[web]\nlisten = "127.0.0.1:0"\npublic_url = "https://spend.example"\n'


def load(folder, text="", environ=None, addresses='["ann@example.com"]'):
    path = folder / "config.toml"
    path.write_text(CONFIG + PEOPLE.format(addresses=addresses) + text, encoding="utf-8")
    return load_settings(path, environ or {})


def problems(folder, *arguments, **named):
    with pytest.raises(ConfigError) as raised:
        load(folder, *arguments, **named)
    return raised.value.problems


def test_a_receiver_by_mail_needs_a_sender_and_a_server(tmp_path):
    told = "\n".join(problems(tmp_path))
    assert "email.sender: is required" in told
    assert "email.host: is required" in told


def test_azure_needs_its_endpoint_and_no_server(tmp_path):
    azure = '[email]\nsender = "a@example.com"\ntransport = "azure"\n'
    (told,) = problems(tmp_path, azure)
    assert "email.endpoint: is required" in told
    more = 'endpoint = "https://x.communication.azure.com/"\n'
    assert load(tmp_path, azure + more).email.endpoint == "https://x.communication.azure.com"


@pytest.mark.parametrize(
    "addresses",
    [
        "[]",
        '["ann"]',
        '["ann@example.com\\nBcc: all@example.com"]',
        '["ann@example.com, bob@example.com"]',
        '["Ann <ann@example.com>"]',
        '["ann@example.com", "Ann@example.com"]',
        '["änn@example.com"]',
        '"ann@example.com"',
    ],
)
def test_what_is_no_list_of_addresses_is_refused(tmp_path, addresses):
    assert any("addresses" in each for each in problems(tmp_path, EMAIL, addresses=addresses))


@pytest.mark.parametrize(
    "sender", ["x", "a@b.example\\r\\nBcc: c@d.example", "<>", 'A "quoted" <a@b.example>', "@b"]
)
def test_a_sender_that_could_break_a_header_is_refused(tmp_path, sender):
    text = EMAIL.replace("Spendwatch <spendwatch@example.com>", sender.replace('"', '\\"'))
    assert any("email.sender" in each for each in problems(tmp_path, text))


def test_a_password_is_never_sent_in_the_clear(tmp_path):
    text = EMAIL + 'user = "a"\nsecurity = "none"\n'
    (told,) = problems(tmp_path, text, {"SPENDWATCH_EMAIL__PASSWORD": CANARY})
    assert "email.security: must be" in told
    assert CANARY not in told


def test_a_password_in_the_file_is_refused_and_not_repeated(tmp_path):
    told = "\n".join(problems(tmp_path, EMAIL + f'password = "{CANARY}"\n'))
    assert "SPENDWATCH_EMAIL__PASSWORD" in told
    assert CANARY not in told


def test_a_user_without_a_password_is_told_before_anything_is_sent(tmp_path):
    settings = load(tmp_path, EMAIL + 'user = "spendwatch"\n')
    with pytest.raises(ConfigError, match="SPENDWATCH_EMAIL__PASSWORD: is required"):
        smtp_of(settings)


def test_the_password_is_not_shown(tmp_path):
    text = EMAIL + 'user = "spendwatch"\n'
    settings = load(tmp_path, text, {"SPENDWATCH_EMAIL__PASSWORD": CANARY})
    assert CANARY not in repr(settings)
    assert smtp_of(settings)


def test_links_need_a_page_a_public_address_and_a_key_and_all_is_told_at_once(tmp_path):
    told = "\n".join(problems(tmp_path, EMAIL + 'answers = "link"\n'))
    for key in ("web.listen", "web.public_url", "web.signing_keys"):
        assert f"{key}: is required" in told


@pytest.mark.parametrize(
    ("answers", "web", "answer", "unsubscribe"),
    [("link", WEB, True, True), ("off", WEB, False, True), ("off", "", False, False)],
)
def test_what_mails_lead_to_is_what_is_served(tmp_path, answers, web, answer, unsubscribe):
    from dataclasses import replace

    text = f'{EMAIL}answers = "{answers}"\n{web}'
    links = links_of(load(tmp_path, text, KEYS if web else {}))
    told = replace(a_notification(about=(12,)), number=7)
    found = links(told)
    assert (bool(found.answer), bool(found.unsubscribe)) == (answer, unsubscribe)
    assert links(replace(told, number=0)) == links_of(load(tmp_path, EMAIL))(told)


def test_a_stand_in_must_be_another_receiver_that_exists(tmp_path):
    text = (
        EMAIL + '[[receivers]]\nkind = "console"\nname = "x"\nfallback = "x"\nescalate_to = "y"\n'
    )
    told = "\n".join(problems(tmp_path, text))
    assert "must name another receiver, not itself" in told
    assert "no receiver is called 'y'" in told


def test_a_test_mail_goes_to_each_address_and_says_which_one_was_refused(tmp_path, capsys):
    with mail_server(security="none") as (mail, port):
        more = PEOPLE.format(addresses='["a@b.example", "c@d.example"]')
        more += EMAIL.replace("smtp.example.com", "127.0.0.1")
        more += f'port = {port}\nsecurity = "none"\n'
        place = Installation(tmp_path, CONFIG, more)
        assert place.run("test-send", "people") == 0
        assert [each["To"] for each in mail.mails] == ["a@b.example", "c@d.example"]
        mail.answers.refused["a@b.example"] = "550 no such user"
        assert place.run("test-send", "people") == 1
        assert "a@b.example: SMTP: the recipient is refused: 550" in capsys.readouterr().err
        assert [each["To"] for each in mail.mails][2:] == ["c@d.example"]


def test_who_gets_no_mail_is_listed_and_gets_it_again(tmp_path, capsys):
    place = Installation(tmp_path, CONFIG)
    app = place.app()
    with writing(app.engine) as session:
        recipients.unsubscribe(session, "people", "ann@example.com", app.clock())
    app.engine.dispose()
    (row,) = place.json(capsys, "recipients", "list")
    assert (row["address"], row["why"]) == ("ann@example.com", "unsubscribed")
    assert place.run("recipients", "resume", "people", "ann@example.com") == 0
    assert place.run("recipients", "resume", "people", "ann@example.com") == 2
    assert place.json(capsys, "recipients", "list") == []
    assert place.run("recipients", "list") == 0
    assert "every address in the settings gets its mail" in capsys.readouterr().out
