from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from spendwatch.settings import ConfigError, Settings, load_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

ENOUGH = """
[[receivers]]
kind = "console"
name = "finops"
[alerts]
receiver = "finops"
"""
BUDGET = '[[tenants]]\nid = "acme"\n[[tenants.budgets]]\n'
RATE = '[[prices.rates]]\nmodel = "m"\neffective_from = 2026-01-01\ninput = "1"\noutput = "2"\n'


def load(
    tmp_path: Path, text: str, environ: Mapping[str, str] | None = None, *, enough: str = ENOUGH
) -> Settings:
    """Load a config file that has a receiver and, before it, ``text``."""
    path = tmp_path / "config.toml"
    path.write_text(text + enough, encoding="utf-8")
    return load_settings(path, environ or {})


def problems(
    tmp_path: Path, text: str, environ: Mapping[str, str] | None = None, *, enough: str = ENOUGH
) -> list[str]:
    """Give what is wrong with a config file, file names cut to what follows the folder."""
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text, environ, enough=enough)
    return [problem.replace(f"{tmp_path}/", "") for problem in caught.value.problems]


def test_a_short_file_takes_every_default(tmp_path):
    settings = load(tmp_path, "")
    assert settings.service.time_zone == "UTC"
    assert settings.service.settle_hours == 2
    assert settings.detection.window_days == 30
    assert settings.detection.min_excess_micro_usd == 5_000_000
    assert settings.detection.scale_floor_micro_usd == 1_000_000
    assert settings.detection.critical_excess_micro_usd == 500_000_000
    assert settings.detection.first_spend_micro_usd == 50_000_000
    assert settings.detection.young_guard_micro_usd == 200_000_000
    assert settings.answers.false_alarm_days == 30
    assert settings.tenants == ()


def test_settings_cannot_be_changed(tmp_path):
    settings = load(tmp_path, "")
    with pytest.raises(ValidationError, match="frozen"):
        settings.service.time_zone = "Asia/Tokyo"


def test_relative_paths_begin_at_the_files_folder(tmp_path):
    sources = '[[sources]]\nkind = "csv_file"\nname = "a"\npath = "usage"\n'
    more = '[[receivers]]\nkind = "console"\nname = "file"\npath = "alerts.txt"\n'
    settings = load(tmp_path, sources + more)
    assert settings.service.database_url == f"sqlite:///{tmp_path}/data/spendwatch.db"
    assert settings.service.data_dir == tmp_path / "data"
    assert settings.prices.file == tmp_path / "data/prices.toml"
    assert settings.sources[0].path == tmp_path / "usage"
    assert settings.receivers[0].path == tmp_path / "alerts.txt"


def test_absolute_paths_stay_as_they_are(tmp_path):
    text = '[service]\ndata_dir = "/srv/x"\ndatabase_url = "sqlite:////srv/y.db"\n'
    settings = load(tmp_path, text)
    assert settings.service.data_dir == Path("/srv/x")
    assert settings.service.database_url == "sqlite:////srv/y.db"
    assert settings.prices.file == Path("/srv/x/prices.toml")


def test_a_file_is_found_from_wherever_it_is_named(tmp_path, monkeypatch):
    (tmp_path / "config.toml").write_text(ENOUGH, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert load_settings(Path("config.toml"), {}).service.data_dir == tmp_path / "data"


def test_a_tenant_inherits_what_it_does_not_say(tmp_path):
    text = """
[service]
time_zone = "Asia/Tokyo"
[detection]
z = 4
min_excess_usd = "7.5"
[[tenants]]
id = " Contoso"
[[tenants]]
id = "fabrikam"
name = "Fabrikam"
time_zone = "UTC"
detection = { z = 5 }
"""
    first, second = load(tmp_path, text).tenants
    assert (first.id, first.name, first.receiver) == ("contoso", " Contoso", "finops")
    assert (first.time_zone, first.detection.z) == ("Asia/Tokyo", 4.0)
    assert (second.name, second.time_zone, second.detection.z) == ("Fabrikam", "UTC", 5.0)
    assert second.detection.min_excess_micro_usd == 7_500_000


def test_a_budget_inherits_what_it_does_not_say(tmp_path):
    text = f"""
[budget_defaults]
period = "quarterly"
fiscal_start_day = 15
fiscal_start_month = 4
thresholds = [90]
{BUDGET}cap = 5
[[tenants.budgets]]
cap = 5
period = "weekly"
"""
    quarter, week = load(tmp_path, text).tenants[0].budgets
    assert (quarter.period, quarter.fiscal_start_day, quarter.fiscal_start_month) == (
        "quarterly",
        15,
        4,
    )
    assert (quarter.thresholds, quarter.forecast_thresholds, quarter.currency) == (
        (90,),
        (100,),
        "USD",
    )
    assert week.fiscal_start_day == 1, "a day of the month is no day of the week"


def test_renamed_columns_are_handed_over_by_our_name(tmp_path):
    text = (
        '[[sources]]\nkind = "csv_file"\nname = "a"\npath = "u"\ncolumns = { tenant = "customer" }'
    )
    assert load(tmp_path, text).sources[0].columns.mapped == {"tenant": "customer"}


def test_off_switches_a_rule_off(tmp_path):
    text = '[detection]\nfirst_spend_usd = "off"\nyoung_guard_usd = "off"\n'
    detection = load(tmp_path, text).detection
    assert detection.first_spend_micro_usd is None
    assert detection.young_guard_micro_usd is None


@pytest.mark.parametrize(
    ("written", "micro"),
    [('"12.345678"', 12_345_678), ("0", 0), ("250", 250_000_000), ('"0.000001"', 1)],
)
def test_money_is_exact_to_the_micro_dollar(tmp_path, written, micro):
    settings = load(tmp_path, f"{BUDGET}cap = {written}")
    assert settings.tenants[0].budgets[0].cap_micro == micro


@pytest.mark.parametrize(
    "written",
    ["12.5", '"-1"', "-1", '"1,000"', '"1e3"', '"0.0000001"', "true", '"NaN"', '"$5"', "[]"],
)
def test_money_that_is_not_exact_or_not_an_amount_is_refused(tmp_path, written):
    (problem,) = problems(tmp_path, f"{BUDGET}cap = {written}")
    assert problem.startswith("config.toml:4: tenants[0].budgets[0].cap: must be an amount such")


def test_a_giant_number_is_refused_without_being_written_out(tmp_path):
    (problem,) = problems(tmp_path, f"{BUDGET}cap = 0x{'f' * 5000}")
    assert "not a number of more than 18 digits" in problem


def test_fault_41_a_cap_of_zero_and_no_cap_differ(tmp_path):
    text = f'{BUDGET}cap = 0\n[[tenants.budgets]]\nfeature = "a"\ncap = "none"\n'
    text += '[[tenants.budgets]]\nfeature = "b"\n'
    budgets = load(tmp_path, text).tenants[0].budgets
    assert [budget.cap_micro for budget in budgets] == [0, None, None]


def test_fault_1_a_missing_file_says_how_to_get_one(tmp_path):
    with pytest.raises(ConfigError, match="there is no such file; `spendwatch init` writes one"):
        load_settings(tmp_path / "config.toml", {})


def test_fault_1_a_folder_or_a_binary_file_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load_settings(tmp_path, {})
    path = tmp_path / "config.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="is not UTF-8 text"):
        load_settings(path, {})


def test_fault_1_what_is_not_toml_is_shown_with_line_and_column(tmp_path):
    text = '[service]\ntime_zone = "UTC\n'
    environ = {"SPENDWATCH_X": "1"}
    syntax, variable = problems(tmp_path, text, environ, enough="")
    assert syntax == "config.toml:2: is not TOML: Illegal character '\\n' (column 17)"
    assert variable.startswith("environment: SPENDWATCH_X: unknown variable")
    (at_end,) = problems(tmp_path, "\na = [1,\n\n", enough="")
    assert at_end.startswith("config.toml:2: is not TOML: ")


def test_fault_1_absurd_toml_is_refused_and_not_a_crash(tmp_path):
    for text in (f"a = {'[' * 5000}", f"a = {'9' * 5000}"):
        (problem,) = problems(tmp_path, text, enough="")
        assert problem.startswith("config.toml:1: is not TOML: ")


@pytest.mark.parametrize("depth", [150, 250, 350, 1500])
def test_deep_nesting_is_a_problem_and_not_a_crash(tmp_path, depth):
    assert problems(tmp_path, f"a = {'[' * depth}{']' * depth}\n")
    assert problems(tmp_path, f"{'.'.join('a' * depth)} = 1\n")


def test_fault_1_all_problems_are_told_at_once_in_the_order_of_the_file(tmp_path):
    text = """[service]
curency = "EUR"
settle_hours = "soon"
[detection]
min_days = 40
[[tenants]]
id = "acme"
budgets = [
  { cap = 1 },
  { cap = 1, perid = "weekly" },
]
[[tenants]]
name = "nobody"
[sourcs]
"""
    found = problems(tmp_path, text, {"SPENDWATCH_ALERTS__RECIEVER": "x"})
    assert [problem.partition(": ")[0] for problem in found] == [
        *(f"config.toml:{line}" for line in (2, 3, 5, 10, 10, 12, 14)),
        "environment",
    ]
    assert found[0] == "config.toml:2: service.curency: unknown key; did you mean currency?"
    assert found[1].endswith("must be a whole number from 0 to 72, not 'soon'")
    assert found[3].startswith("config.toml:10: tenants[0].budgets[1].perid: unknown key; did you")
    assert "there is a 'monthly' budget in tenants[0].budgets[0] already" in found[4]
    assert found[5] == "config.toml:12: tenants[1].id: is required"
    assert found[6] == "config.toml:14: sourcs: unknown key; did you mean sources?"


def test_fault_1_an_unknown_key_far_from_all_lists_the_known_ones(tmp_path):
    (problem,) = problems(tmp_path, "[answers]\nzzz = 1\n")
    assert problem.endswith("unknown key; known here: false_alarm_days, false_alarm_factor")


def test_fault_1_keys_the_settings_library_would_swallow_are_unknown(tmp_path):
    found = problems(tmp_path, '_env_file = "x"\n"a\\nb" = 1\n')
    assert found[0].startswith("config.toml:1: _env_file: unknown key")
    assert found[1].startswith("config.toml:2: 'a\\nb': unknown key")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("service = 5", "service: must be a table, not 5"),
        ("tenants = 'acme'", "tenants: must be a list in square brackets, not 'acme'"),
        ("sources = [5]", "sources[0]: must be a table, not 5"),
        ("[[tenants]]\nid = 5", "tenants[0].id: must be text in quotes"),
        ("[[tenants]]\nid = ' '", "tenants[0].id: must not be empty"),
        ("[[tenants]]\nid = '\u200b'", "tenants[0].id: must have a visible character"),
        ("[[tenants]]\nid = 'a'\naliases = 'b'", "tenants[0].aliases: must be a list"),
        ("[[tenants]]\nid = 'a'\ndetection = 5", "tenants[0].detection: must be a table"),
        ("[[tenants]]\nid = 'a'\nowner = 'a\tb'", "tenants[0].owner: must be text in quotes"),
        ("[[tenants]]\nid = 'a'\nowner = {}", "tenants[0].owner: must be text in quotes"),
        ("[detection]\ndirection = 'upp'", "detection.direction: 'upp' is not known here"),
        ("[service]\ndata_dir = ''", "service.data_dir: must be the path of a file or folder"),
        ("[service]\ncurrency = 'usd'", "service.currency: must be a currency's three capital"),
        ("[service]\ndatabase_url = 'sqlite://'", "service.database_url: must be the address"),
        ("[service]\ndatabase_url = 5", "service.database_url: must be the address"),
        ("[service]\ndatabase_url = 'sqlite:///:memory:'", "service.database_url: must be the"),
    ],
)
def test_fault_1_a_wrong_type_says_what_is_right(tmp_path, text, expected):
    assert any(f": {expected}" in problem for problem in problems(tmp_path, f"{text}\n"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("kind = 'sampel'", "kind: 'sampel' is not known here; it must be one of 'sample', 'csv_f"),
        ("name = 'x'", "kind: is required: one of 'sample', 'csv_file'"),
        ("kind = 'sample'\nname = 'x'", "first_day: is required"),
        ("kind = 'sample'\nname = 'x'\nfirst_day = 'May'", "first_day: must be a day such as"),
        ("kind = 'sample'\nname = 'x'\nfirst_day = 2026-06-01T10:00:00", "first_day: must be a"),
        ("kind = 'sample'\nname = 'x'\nfirst_day = 5", "first_day: must be a day such as 2026"),
        ("kind = 'sample'\nname = 'x'\nfirst_day = '2026-06-01'\nsead = 1", "sead: unknown key"),
        ("kind = 'csv_file'\nname = 'x'\npath = 'x'\ncolumns.tenent = 'y'", "columns.tenent: unk"),
        ("kind = 'csv_file'\nname = 'x'\npath = 'x'\nscope = 'gobal'", "scope: must be one of b"),
        ("kind = 'csv_file'\nname = 'x'\npath = 'x'\nscope = 5", "scope: must be one of batch"),
    ],
)
def test_fault_1_a_wrong_source_is_shown_by_the_keys_people_wrote(tmp_path, text, expected):
    (problem,) = problems(tmp_path, f"[[sources]]\n{text}\n")
    assert f": sources[0].{expected}" in problem


def test_a_sample_cannot_end_before_it_begins(tmp_path):
    text = "[[sources]]\nkind = 'sample'\nname = 'x'\nfirst_day = 2026-06-02\nlast_day = 2026-06-0"
    assert load(tmp_path, f"{text}2\n").sources[0].last_day is not None
    (problem,) = problems(tmp_path, f"{text}1\n")
    assert problem == "config.toml:1: sources[0]: last_day must not be before first_day"


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


@pytest.mark.parametrize("second", ["ACME", "acme ", "ａｃｍｅ"])
def test_fault_3_two_tenants_that_mean_the_same_are_refused(tmp_path, second):
    (problem,) = problems(tmp_path, f'[[tenants]]\nid = "acme"\n[[tenants]]\nid = "{second}"\n')
    assert problem.startswith("config.toml:4: tenants[1].id: ")
    assert "is the same tenant as 'acme' in tenants[0].id" in problem


def test_fault_30_an_alias_belongs_to_one_tenant(tmp_path):
    text = '[[tenants]]\nid = "acme"\naliases = ["Bolt", "acme"]\n[[tenants]]\nid = "bolt"\n'
    (problem,) = problems(tmp_path, text)
    assert "tenants[1].id: 'bolt' is the same tenant as 'Bolt' in tenants[0].aliases[0]" in problem


def test_fault_32_ids_and_aliases_are_normalised_and_the_name_kept(tmp_path):
    (tenant,) = load(tmp_path, '[[tenants]]\nid = "ACME Corp "\naliases = ["Old  Acme"]').tenants
    assert (tenant.id, tenant.name, tenant.aliases) == ("acme corp", "ACME Corp ", ("old acme",))


def test_fault_29_a_tenant_cannot_be_called_what_stands_for_none(tmp_path):
    (problem,) = problems(tmp_path, '[[tenants]]\nid = "N/A"\n')
    assert "'N/A' stands for no tenant; see detection.unattributed_names" in problem
    names = '[detection]\nunattributed_names = []\n[[tenants]]\nid = "N/A"\n'
    assert load(tmp_path, names).tenants[0].id == "n/a"


@pytest.mark.parametrize(
    ("key", "value", "accepted"),
    [
        ("z", "0", "a number above 0 and up to 100"),
        ("z", "-1", "a number above 0 and up to 100"),
        ("z", "nan", "a number above 0 and up to 100"),
        ("z", "inf", "a number above 0 and up to 100"),
        ("z", "true", "a number above 0 and up to 100"),
        ("z", "'three'", "a number above 0 and up to 100"),
        ("z", "0x" + "f" * 2000, "a number above 0 and up to 100"),
        ("window_days", "6", "a whole number from 7 to 180"),
        ("window_days", "30.5", "a whole number from 7 to 180"),
        ("window_days", "true", "a whole number from 7 to 180"),
        ("min_excess_percent", "nan", "a number from 0 to 10000"),
        ("unattributed_percent", "0", "a number above 0 and up to 100"),
    ],
)
def test_fault_4_a_threshold_out_of_range_is_refused_with_its_range(tmp_path, key, value, accepted):
    found = problems(tmp_path, f"[detection]\n{key} = {value}\n")
    assert any(f"detection.{key}: must be {accepted}, not" in problem for problem in found)


def test_fault_4_more_days_than_the_window_holds_are_refused(tmp_path):
    text = '[detection]\nmin_days = 8\nwindow_days = 7\n[[tenants]]\nid = "a"\n'
    found = problems(tmp_path, f"{text}detection.min_days = 9\n[[tenants]]\nid = 'b'\n")
    assert [problem.partition(": must")[0] for problem in found] == [
        "config.toml:2: detection.min_days",
        "config.toml:6: tenants[0].detection.min_days",
    ]
    assert "from 2 to detection.window_days (7), not 9" in found[1]
    assert load(tmp_path, "[detection]\nmin_days = 7\nwindow_days = 7\n").detection.min_days == 7


def test_fault_4_a_budget_threshold_of_zero_is_refused_where_it_was_written(tmp_path):
    text = f"[budget_defaults]\nthresholds = [50, 0]\n{BUDGET}cap = 1\n"
    (problem,) = problems(tmp_path, text)
    assert problem == (
        "config.toml:2: budget_defaults.thresholds[1]: must be a whole number from 1 to 1000, not 0"
    )


@pytest.mark.parametrize("zone", ["Mars/Base", "", "../etc/passwd", "Europe", "UTC ", "a\u0000b"])
def test_fault_5_an_unknown_time_zone_is_refused(tmp_path, zone):
    (problem,) = problems(tmp_path, "", {"SPENDWATCH_SERVICE__TIME_ZONE": zone})
    assert "must be an IANA time zone such as Europe/Berlin or UTC, not" in problem


def test_fault_5_the_nearest_time_zone_is_named_once(tmp_path):
    text = '[service]\ntime_zone = "europe/berlin"\n[[tenants]]\nid = "a"\n'
    (problem,) = problems(tmp_path, text)
    assert problem.startswith("config.toml:2: service.time_zone: ")
    assert problem.endswith("did you mean Europe/Berlin?")
    (number,) = problems(tmp_path, "[service]\ntime_zone = 5\n")
    assert number.endswith("not 5")


def test_fault_8_without_a_default_receiver_the_settings_are_refused(tmp_path):
    enough = '[[receivers]]\nkind = "console"\nname = "ops"\n'
    text = '[[tenants]]\nid = "a"\n[[tenants]]\nid = "b"\nreceiver = "ops"\n'
    (problem,) = problems(tmp_path, text, enough=enough)
    assert problem == (
        "config.toml: alerts.receiver: is required: without it nobody hears of 'a', every tenant "
        "not listed here; name one of 'ops'"
    )
    (none,) = problems(tmp_path, "", enough="")
    assert none.endswith("declare one under [[receivers]]")


def test_fault_8_a_receiver_that_is_not_declared_is_refused(tmp_path):
    text = '[[tenants]]\nid = "a"\nreceiver = "fin0ps"\n[[tenants]]\nid = "b"\nreceiver = "zz"\n'
    near, far = problems(tmp_path, text)
    assert near.endswith("no receiver is called 'fin0ps'; did you mean finops?")
    assert far.endswith("no receiver is called 'zz'; name one of 'finops'")


def test_fault_14_a_currency_without_a_rate_is_refused(tmp_path):
    text = f'{BUDGET}cap = 1\ncurrency = "EUR"\n{RATE}tenant = "a"\ncurrency = "GBP"\n'
    found = problems(tmp_path, text)
    assert "tenants[0].budgets[0].currency: it is in 'EUR'" in found[0]
    assert "prices.rates[0].currency: it is in 'GBP'" in found[1]
    assert found[0].endswith("what one 'EUR' is worth under [[prices.exchange_rates]]")


def test_fault_14_a_declared_rate_lets_another_currency_in(tmp_path):
    text = f'{BUDGET}cap = 1\ncurrency = "EUR"\n[[prices.exchange_rates]]\ncurrency = "EUR"\n'
    settings = load(tmp_path, f'{text}rate = "1.08"\neffective_from = 2026-01-01\n')
    assert settings.prices.exchange_rates[0].rate == Decimal("1.08")
    assert settings.tenants[0].budgets[0].currency == "EUR"


def test_fault_14_the_shipped_prices_need_a_rate_too(tmp_path):
    text = f'[service]\ncurrency = "EUR"\n{BUDGET}cap = 1\n{RATE}deployment = "d"\n'
    (problem,) = problems(tmp_path, text)
    assert "service.currency: the shipped prices are in 'USD'" in problem
    rate = '[[prices.exchange_rates]]\nrate = "0.9"\neffective_from = 2026-01-01\ncurrency = '
    assert load(tmp_path, f'{text}{rate}"USD"\n').tenants[0].budgets[0].currency == "EUR"
    own = problems(tmp_path, f'{rate}"USD"\n')
    assert own[0].endswith("'USD' is the service's own currency: it needs no rate")


@pytest.mark.parametrize("rate", ['"0"', "1.08", '"-1"', '"NaN"', "1"])
def test_fault_14_a_rate_is_a_positive_decimal_in_quotes(tmp_path, rate):
    text = '[[prices.exchange_rates]]\ncurrency = "EUR"\neffective_from = 2026-01-01\nrate = '
    (problem,) = problems(tmp_path, f"{text}{rate}\n")
    assert "prices.exchange_rates[0].rate: must be a rate above 0 in quotes" in problem


def test_an_agreed_rate_names_whom_it_is_for(tmp_path):
    (problem,) = problems(tmp_path, RATE)
    assert "prices.rates[0]: must name a tenant, a deployment or both" in problem
    rate = load(tmp_path, f'{RATE}tenant = "ACME"\n').prices.rates[0]
    assert (rate.tenant, rate.scope, rate.input, rate.cached_input) == (
        "acme",
        "global",
        Decimal(1),
        None,
    )


def test_nothing_is_declared_twice(tmp_path):
    source = "[[sources]]\nkind = 'sample'\nname = 'x'\nfirst_day = 2026-06-01\n"
    budget = "[[tenants.budgets]]\nfeature = 'chat'\ncap = 1\n"
    rate = f"{RATE}deployment = 'd'\n"
    found = problems(tmp_path, f"{source * 2}[[tenants]]\nid = 'a'\n{budget * 2}{rate * 2}")
    assert [problem.partition(": ")[2] for problem in found] == [
        "sources[1].name: 'x' is the name of sources[0] already",
        "tenants[0].budgets[1]: there is a 'monthly' budget for the feature 'chat' in "
        "tenants[0].budgets[0] already; one budget can have several thresholds",
        "prices.rates[1]: repeats prices.rates[0]: same tenant, deployment, model, scope, "
        "effective_from",
    ]


def test_a_weekly_budget_begins_on_a_day_of_the_week(tmp_path):
    text = f'{BUDGET}cap = 1\nperiod = "weekly"\nfiscal_start_day = '
    assert load(tmp_path, f"{text}7\n").tenants[0].budgets[0].fiscal_start_day == 7
    (problem,) = problems(tmp_path, f"{text}8\n")
    assert "from 1 (Monday) to 7 (Sunday) where the budget is weekly, not 8" in problem


def test_the_environment_wins_over_the_file(tmp_path):
    environ = {
        "SPENDWATCH_SERVICE__TIME_ZONE": "Asia/Tokyo",
        "SPENDWATCH_DETECTION__WINDOW_DAYS": "60",
        "SPENDWATCH_DETECTION__MIN_DAYS": "50",
        "SPENDWATCH_DETECTION__Z": "2.5",
        "SPENDWATCH_DETECTION__UNATTRIBUTED_NAMES": '["-"]',
        "SPENDWATCH_BUDGET_DEFAULTS__THRESHOLDS": "[90]",
    }
    settings = load(tmp_path, '[service]\ntime_zone = "UTC"\n', environ)
    assert settings.service.time_zone == "Asia/Tokyo"
    assert (settings.detection.window_days, settings.detection.min_days) == (60, 50)
    assert (settings.detection.z, settings.detection.unattributed_names) == (2.5, ("-",))
    assert settings.budget_defaults.thresholds == (90,)


def test_the_environment_of_the_process_itself_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setenv("SPENDWATCH_SERVICE__TIME_ZONE", "Asia/Tokyo")
    assert load(tmp_path, "").service.time_zone == "UTC"


def test_an_unknown_variable_is_a_problem_with_the_nearest_one(tmp_path):
    environ = {"SPENDWATCH_SERVICE__TIMEZONE": "UTC", "spendwatch_config": "x", "PATH": "/bin"}
    found = problems(tmp_path, "", environ)
    assert found == [
        "environment: SPENDWATCH_SERVICE__TIMEZONE: unknown variable; did you mean "
        "SPENDWATCH_SERVICE__TIME_ZONE?",
        "environment: spendwatch_config: unknown variable; did you mean SPENDWATCH_CONFIG?",
    ]


def test_variables_of_others_are_left_alone(tmp_path):
    environ = {
        "SPENDWATCH_CONFIG": "config.toml",
        "SPENDWATCH_SERVICE_HOST": "10.0.0.1",
        "SPENDWATCH_SERVICE_PORT": "80",
        "SPENDWATCH_SERVICE_PORT_HTTP": "80",
        "SPENDWATCH_PORT": "tcp://10.0.0.1:80",
        "SPENDWATCH_PORT_80_TCP_ADDR": "10.0.0.1",
    }
    assert load(tmp_path, "", environ).service.time_zone == "UTC"


def test_a_wrong_value_from_the_environment_names_its_variable(tmp_path):
    environ = {
        "SPENDWATCH_BUDGET_DEFAULTS__THRESHOLDS": "50,80",
        "SPENDWATCH_SERVICE__CURRENCY": "",
        "SPENDWATCH_DETECTION__MIN_DAYS": "170",
    }
    found = problems(tmp_path, "[service]\ncurrency = 'USD'\n", environ)
    assert sorted(problem.split(": ")[1] for problem in found) == sorted(environ)
    assert any(problem.endswith('such as [50, 80, 100] or ["a", "b"]') for problem in found)


def test_the_environment_does_not_hide_a_section_of_the_wrong_shape(tmp_path):
    environ = {"SPENDWATCH_ANSWERS__FALSE_ALARM_DAYS": "5"}
    (problem,) = problems(tmp_path, "answers = 5\n", environ)
    assert problem.endswith("answers: must be a table, not 5")
