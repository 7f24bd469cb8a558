from __future__ import annotations

import pytest

from tests.spendwatch.config_files import load, problems


def test_fault_2_a_secret_is_refused_unseen_and_its_variable_named(tmp_path):
    text = '[service]\ndatabase_url = "postgresql://watch:hunter2@db/spend"\n'
    (problem,) = problems(tmp_path, text)
    assert problem.startswith("config.toml:2: service.database_url: looks like a secret")
    assert "set the environment variable SPENDWATCH_SERVICE__DATABASE_URL" in problem
    assert "hunter2" not in problem


@pytest.mark.parametrize(
    "text",
    [
        'slack_token = "hunter2"',
        '[slack]\nbot = { token = "hunter2" }',
        'apiKey = "hunter2"',
        '[azure]\nconnection_string = "hunter2"',
        "[mail]\npassword = 424242",
        '[alerts2]\nhooks = ["https://hooks.slack.com/services/hunter2"]',
        'x = "xoxb-hunter2"',
        'x = "xapp-hunter2"',
        'x = "Endpoint=sb://x/;SharedAccessKey=hunter2"',
        'x = "https://blob/usage.csv?sv=1&sig=hunter2"',
        "x = '''\n-----BEGIN RSA PRIVATE KEY-----\nhunter2'''",
    ],
)
def test_fault_2_secrets_are_found_by_key_and_by_value(tmp_path, text):
    found = problems(tmp_path, f"{text}\n")
    assert any("looks like a secret" in problem for problem in found)
    assert not any("hunter2" in problem or "424242" in problem for problem in found)


def test_fault_2_a_secret_is_repeated_by_no_other_message(tmp_path):
    enough = '[[receivers]]\nkind = "console"\nname = "xoxb-hunter2"\n'
    text = '[[tenants]]\nid = "xoxb-hunter2"\nreceiver = "xoxb-hunter2"\n'
    found = problems(tmp_path, f'{text}[[tenants]]\nid = "xoxb-hunter2"\n', enough=enough)
    assert sum("looks like a secret" in problem for problem in found) == 4
    assert "hunter2" not in "\n".join(found)


def test_fault_2_tokens_of_usage_are_no_secrets(tmp_path):
    text = '[[sources]]\nkind = "csv_file"\nname = "a"\npath = "u"\n'
    text += 'columns = { prompt_tokens = "Input Tokens", cached_tokens = "Cached Tokens" }\n'
    assert len(load(tmp_path, text).sources[0].columns.mapped) == 2


def test_fault_2_the_file_is_blamed_for_its_secret_even_if_the_environment_wins(tmp_path):
    text = '[service]\ndatabase_url = "postgresql://u:hunter2@db/x"\n'
    environ = {"SPENDWATCH_SERVICE__DATABASE_URL": "sqlite:///x.db"}
    (problem,) = problems(tmp_path, text, environ)
    assert problem.startswith("config.toml:2: service.database_url: looks like a secret")


def test_fault_2_the_database_address_does_not_show_in_a_printed_value(tmp_path):
    environ = {"SPENDWATCH_SERVICE__DATABASE_URL": "sqlite:///private.db"}
    assert "private.db" not in repr(load(tmp_path, "", environ))


def test_fault_2_a_secret_can_be_read_from_a_file(tmp_path):
    secret = tmp_path / "url"
    secret.write_text("sqlite:///elsewhere.db\n", encoding="utf-8")
    settings = load(tmp_path, "", {"SPENDWATCH_SERVICE__DATABASE_URL_FILE": str(secret)})
    assert settings.service.database_url == f"sqlite:///{tmp_path}/elsewhere.db"


def test_fault_2_a_secret_file_that_cannot_be_used_is_a_problem(tmp_path):
    name = "SPENDWATCH_SERVICE__DATABASE_URL_FILE"
    (missing,) = problems(tmp_path, "", {name: str(tmp_path / "no")})
    assert missing.startswith(f"environment: {name}: the file ")
    assert missing.endswith("cannot be read: No such file or directory")
    (tmp_path / "binary").write_bytes(b"\xffhunter2")
    (binary,) = problems(tmp_path, "", {name: str(tmp_path / "binary")})
    assert binary.endswith("cannot be read: it is no text file")
    environ = {name: "x", "SPENDWATCH_SERVICE__DATABASE_URL": "sqlite:///x.db"}
    (both,) = problems(tmp_path, "", environ)
    assert both.endswith("set either this or SPENDWATCH_SERVICE__DATABASE_URL, not both")
