from __future__ import annotations

from datetime import time
from pathlib import Path

import pytest
from pydantic import ValidationError

from spendwatch.settings import ConfigError, load_settings
from tests.spendwatch.config_files import BUDGET, ENOUGH, load, problems


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
    assert settings.service.backup_dir == tmp_path / "data/backups"
    assert settings.prices.file == tmp_path / "data/prices.toml"
    assert settings.sources[0].path == tmp_path / "usage"
    assert settings.receivers[0].path == tmp_path / "alerts.txt"


def test_absolute_paths_stay_as_they_are(tmp_path):
    text = '[service]\ndata_dir = "/srv/x"\ndatabase_url = "sqlite:////srv/y.db"\n'
    settings = load(tmp_path, text)
    assert settings.service.data_dir == Path("/srv/x")
    assert settings.service.database_url == "sqlite:////srv/y.db"
    assert settings.prices.file == Path("/srv/x/prices.toml")
    assert settings.service.backup_dir == Path("/srv/x/backups")


def test_backups_are_made_at_three_unless_another_time_or_none_is_set(tmp_path):
    assert load(tmp_path, "").service.backup_at == time(3)
    assert load(tmp_path, '[service]\nbackup_at = "off"\n').service.backup_at is None
    elsewhere = load(tmp_path, '[service]\nbackup_dir = "../safe"\nbackup_at = "23:30"\n').service
    assert elsewhere.backup_dir == tmp_path / "../safe"
    assert elsewhere.backup_at == time(23, 30)


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_a_database_of_postgresql_is_taken_however_its_scheme_is_spelt(tmp_path, scheme):
    text = f'[service]\ndatabase_url = "{scheme}://watch@db:6432/spend?sslmode=require"\n'
    settings = load(tmp_path, text)
    url = "postgresql+psycopg://watch@db:6432/spend?sslmode=require"
    assert settings.service.database_url == url


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
        ("[service]\nsettle_hours = true", "service.settle_hours: must be a whole number"),
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
        ("[service]\nbackup_at = 'never'", "service.backup_at: must be a time of day such as"),
        ("[service]\ncurrency = 'usd'", "service.currency: must be a currency's three capital"),
        ("[service]\ndatabase_url = 'sqlite://'", "service.database_url: must be the address"),
        ("[service]\ndatabase_url = 5", "service.database_url: must be the address"),
        ("[service]\ndatabase_url = 'postgresql://db'", "service.database_url: must be the"),
        ("[service]\ndatabase_url = 'mysql://db/x'", "service.database_url: must be the"),
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
        ("kind = 'sample'\nname = 'x'\nfirst_day = '2026-06-01'\nsample = 1", "sample: unknown k"),
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


def test_fault_4_a_budget_threshold_of_zero_is_refused_where_it_was_written(tmp_path):
    text = f"[budget_defaults]\nthresholds = [50, 0]\n{BUDGET}cap = 1\n"
    (problem,) = problems(tmp_path, text)
    assert problem == (
        "config.toml:2: budget_defaults.thresholds[1]: must be a whole number from 1 to 1000, not 0"
    )
