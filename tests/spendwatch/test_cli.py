"""The commands as a person or a program runs them, in this process."""

from __future__ import annotations

import csv
import json
from datetime import timedelta
from uuid import UUID

import pytest
import typer

from spendwatch import cli
from spendwatch.cli_options import JsonOption
from spendwatch.exits import run_reporting_errors
from tests.spendwatch.installations import FIRST, Installation

SPIKE = FIRST + timedelta(days=35)
BUDGET = '[[tenants]]\nid = "acme"\nname = "Acme"\n[[tenants.budgets]]\ncap = 4000\n'


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """What `spiked` is a copy of."""
    place = Installation(tmp_path_factory.mktemp("judged"), extra=BUDGET)
    place.write_days(35, 100)
    place.write_day(SPIKE, ["acme,chat,gpt-4o,900"])
    place.judge(SPIKE)
    return place


@pytest.fixture
def spiked(tmp_path, judged):
    """A ledger with one open alert, A-1, and a budget that was half spent."""
    return judged.copy(tmp_path / "spiked")


def run(*arguments):
    return run_reporting_errors(cli.app, arguments)


def test_wrong_usage_leaves_with_2(tmp_path, capsys):
    assert run("costs", "--by") == 2
    assert run("no-such-command") == 2
    assert Installation(tmp_path).run("costs", "--by", "colour") == 2
    assert "not colour" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("alerts ack", "Missing argument 'NUMBER'."),
        ("alerts ack A-x", "'A-x' is no alert's number"),
        ("alerts snooze 1 --loud", "No such option: --loud"),
        ("alerts why 1 2", "unexpected extra argument"),
        ("alerts dismiss 77", "there is no alert A-77"),
        ("alerts answer 1", "No such command 'answer'"),
        ("outbox drop 3", "Missing option '--note'."),
        ("outbox retry", "say which"),
        ("digest --receiver nobody", "no receiver of that name"),
        ("digest --receiver=", "--receiver says nothing"),
        ("silence add", "Missing option '--comment'."),
        ("silence end", "Missing argument 'NUMBER'."),
        ("planned add --from soon", "'soon' is no day; write it like 2026-11-24"),
        ("once --day foo", "'foo' is no day; write it like 2026-11-24"),
        ("once --day 2026-02-30", "'2026-02-30' is no day; write it like 2026-11-24"),
        ("backfill --from 1.11.2026", "'1.11.2026' is no day"),
        ("costs --from 2026-11-01 --to x", "'x' is no day"),
        ("budgets --day x", "'x' is no day"),
        ("prices list --day x", "'x' is no day"),
        ("prices show gpt-4o --on x", "'x' is no day"),
        ("prices import FILE --effective-from x", "'x' is no day"),
        ("planned list --al", "No such option: --al"),
        ("costs --by colour", "not colour"),
        ("no-such-command", "No such command 'no-such-command'"),
    ],
)
def test_every_mistake_in_a_line_is_json_for_programs(tmp_path, capsys, line, words):
    assert Installation(tmp_path).run(*line.split(), "--json") == 2
    printed = capsys.readouterr()
    told = json.loads(printed.out)
    assert words in told["error"]
    assert told["problems"] == [told["error"]]
    assert printed.err == ""


def test_a_mistake_in_a_line_is_told_to_a_person_with_the_usage(tmp_path, capsys):
    assert Installation(tmp_path).run("alerts", "ack") == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "Usage: spendwatch alerts ack [OPTIONS]" in printed.err
    assert "Missing argument 'NUMBER'." in printed.err


@pytest.mark.parametrize("line", ["once --day foo", "planned add --from foo"])
def test_a_day_that_is_none_is_told_to_a_person_in_plain_words(tmp_path, capsys, line):
    assert Installation(tmp_path).run(*line.split()) == 2
    assert capsys.readouterr().err == "spendwatch: 'foo' is no day; write it like 2026-11-24\n"


def test_to_ask_for_help_is_no_mistake_for_programs_either(capsys):
    assert run("alerts", "list", "--json", "--help") == 0
    assert "Usage: spendwatch alerts list" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("stop", "arguments"),
    [(KeyboardInterrupt, []), (KeyboardInterrupt, ["--json"]), (EOFError, ["--json"])],
)
def test_who_stops_a_command_is_told_that_it_can_be_run_again(capsys, stop, arguments):
    app = typer.Typer(rich_markup_mode=None)

    @app.command()
    def stopped(*, as_json: JsonOption = False) -> None:
        raise stop

    assert run_reporting_errors(app, arguments) == 130
    printed = capsys.readouterr()
    words = json.loads(printed.out)["error"] if arguments else printed.err
    assert "interrupted; what was committed stays, run the command again" in words


def test_wrong_settings_leave_with_78_and_every_problem(tmp_path, capsys):
    place = Installation(tmp_path)
    place.config.write_text("[service]\ntime_zon = 'UTC'\n[detection]\nz = -1\n")
    assert place.run("check") == 78
    problems = capsys.readouterr().err
    assert "time_zone" in problems
    assert "detection.z" in problems


def test_wrong_settings_are_json_for_programs(tmp_path, capsys):
    assert run("check", "--config", str(tmp_path / "none.toml"), "--json") == 78
    assert "there is no such file" in json.loads(capsys.readouterr().out)["error"]


def test_a_locked_database_leaves_with_75(spiked, capsys):
    with spiked.app().engine.connect().execution_options(writes=True) as connection:
        connection.begin()
        assert spiked.run("alerts", "ack", "1") == 75
    assert "in use by another process" in capsys.readouterr().err


def test_check_says_what_it_found(spiked, capsys):
    facts = spiked.json(capsys, "check")
    assert facts["ok"]
    assert "gateway (csv_file)" in facts["sources"]
    assert spiked.run("check") == 0
    assert "no problems" in capsys.readouterr().out


def test_check_names_a_source_folder_that_is_not_there(tmp_path, capsys):
    place = Installation(tmp_path)
    place.usage.rmdir()
    assert place.run("check") == 78
    assert "sources.gateway.path" in capsys.readouterr().err


def test_init_writes_settings_that_check_accepts(tmp_path, capsys):
    path = tmp_path / "new" / "config.toml"
    assert run("init", str(path), "--yes", "--set", "tenants=acme,bolt") == 0
    assert run("check", "--config", str(path)) == 0
    assert "declares 2 tenants" in capsys.readouterr().out


def test_init_leads_from_a_gateways_logs_to_the_live_check(tmp_path, capsys):
    path = tmp_path / "config.toml"
    run(
        "init",
        str(path),
        "--yes",
        "--set",
        "source=azure_logs",
        "--set",
        f"workspace_id={UUID(int=7)}",
    )
    assert f"now try: spendwatch check --live --config {path}" in capsys.readouterr().out


def test_init_never_overwrites(tmp_path, capsys):
    path = tmp_path / "config.toml"
    path.write_text("mine")
    assert run("init", str(path), "--yes") == 2
    assert path.read_text() == "mine"
    assert "exists already" in capsys.readouterr().err


@pytest.mark.parametrize("pair", ["colour=red", "time_zone", "time_zone=Mars/Olympus"])
def test_init_refuses_an_answer_to_no_question(tmp_path, capsys, pair):
    assert run("init", str(tmp_path / "c.toml"), "--yes", "--set", pair) in (2, 78)
    assert pair.split("=")[0] in capsys.readouterr().err
    assert not (tmp_path / "c.toml").exists()


def test_importing_the_same_file_twice_does_not_double_a_cent(tmp_path, capsys):
    place = Installation(tmp_path)
    place.write_days(3, 100)
    file = str(place.usage / f"{FIRST}.csv")
    (first,) = place.json(capsys, "import", file)
    (second,) = place.json(capsys, "import", file)
    assert (first["added"], second["added"], second["revised"]) == (1, 0, 0)
    (cost,) = place.json(capsys, "costs", "--from", str(FIRST), "--to", str(FIRST))
    assert cost["micro_usd"] == 98_000_000


def test_import_says_what_it_refused(tmp_path, capsys):
    place = Installation(tmp_path)
    place.write_day(FIRST, ["acme,chat,gpt-4o,1", "acme,chat,gpt-4o,-x"])
    assert place.run("import", str(place.usage)) == 0
    printed = capsys.readouterr().out
    assert "1 row rejected" in printed
    assert f"{FIRST}.csv line 3" in printed


def test_importing_what_is_not_there_fails_with_1(tmp_path, capsys):
    assert Installation(tmp_path).run("import", str(tmp_path / "none.csv")) == 1
    assert "none.csv" in capsys.readouterr().err


def test_columns_can_be_mapped_on_import(tmp_path, capsys):
    place = Installation(tmp_path)
    place.write_day(FIRST, ["acme,chat,gpt-4o,7"], header="date,customer,feature,model,cost_usd")
    (report,) = place.json(capsys, "import", str(place.usage), "--column", "tenant=customer")
    assert report["rows"] == 1


def test_backfill_pulls_the_days_asked_for_and_can_be_repeated(tmp_path, capsys):
    place = Installation(tmp_path)
    place.write_days(10, 100)
    span = ("--from", str(FIRST), "--to", str(FIRST + timedelta(days=6)))
    (report,) = place.json(capsys, "backfill", *span)
    assert (report["days"], report["added"]) == (7, 7)
    (again,) = place.json(capsys, "backfill", *span)
    assert (again["added"], again["revised"]) == (0, 0)


def test_backfill_refuses_a_span_that_ends_before_it_begins(tmp_path, capsys):
    assert Installation(tmp_path).run("backfill", "--from", "2026-09-02", "--to", "2026-09-01") == 2
    assert Installation(tmp_path).run("backfill", "--from", "2026-09-02", "--source", "x") == 2
    assert "asked for x" in capsys.readouterr().err


def test_costs_add_up_in_every_grouping(spiked, capsys):
    span = ("--from", str(FIRST), "--to", str(SPIKE))
    totals = {
        by: sum(each["micro_usd"] for each in spiked.json(capsys, "costs", "--by", by, *span))
        for by in ("tenant", "feature,model", "day", "source")
    }
    assert len(set(totals.values())) == 1
    assert spiked.run("costs", "--by", "day,tenant", "--tenant", "ACME", *span) == 0
    assert "$900" in capsys.readouterr().out


def test_tenants_and_budgets_are_listed(spiked, capsys):
    (tenant,) = spiked.json(capsys, "tenants")
    assert (tenant["id"], tenant["name"]) == ("acme", "Acme")
    (budget,) = spiked.json(capsys, "budgets", "--day", str(SPIKE))
    assert budget["spent_micro_usd"] == 1_398_000_000
    for command in (["tenants"], ["budgets", "--day", str(SPIKE)], ["budgets", "--tenant", "x"]):
        assert spiked.run(*command) == 0
    assert "Acme" in capsys.readouterr().out


def test_alerts_can_be_listed_filtered_and_shown(spiked, capsys):
    (alert,) = spiked.json(capsys, "alerts", "list", "--kind", "spend spike")
    assert alert["reference"] == "A-1"
    assert spiked.json(capsys, "alerts", "list", "--tenant", "Acme", "--kind", "source stale") == []
    shown = spiked.json(capsys, "alerts", "show", "1")
    assert shown["finding"]["tenant"] == "acme"
    assert spiked.run("alerts", "show", "1") == 0
    assert "driver" in capsys.readouterr().out


def test_an_alert_is_acknowledged_and_dismissed_by_name(spiked, capsys):
    assert spiked.run("alerts", "ack", "1", "--as", "ana") == 0
    assert spiked.run("alerts", "dismiss", "1", "--verdict", "expected", "--note", "test") == 0
    capsys.readouterr()
    replies = spiked.json(capsys, "alerts", "show", "1")["replies"]
    assert [reply["verb"] for reply in replies] == ["acknowledge", "dismiss"]
    assert replies[0]["actor"] == "ana"


def test_an_answer_that_does_not_fit_is_refused_in_words(spiked, capsys):
    assert spiked.run("alerts", "ack", "77") == 2
    assert spiked.run("alerts", "dismiss", "1", "--verdict", "expcted") == 2
    assert spiked.run("alerts", "show", "77") == 2
    errors = capsys.readouterr().err
    assert "no alert A-77" in errors
    assert "did you mean expected" in errors


def test_prices_are_listed_shown_and_checked(spiked, capsys):
    assert spiked.run("prices", "list", "--model", "gpt-4o-mini") == 0
    shown = spiked.json(capsys, "prices", "show", "gpt-4o", "--on", "2026-06-01")
    assert shown["per_1m_tokens"]["input"] == "2.50"
    assert spiked.run("prices", "show", "gpt-nothing") == 1
    assert spiked.run("prices", "check") == 0
    assert "no price for model" in capsys.readouterr().err


def test_an_imported_price_prices_the_past_again_and_is_told(tmp_path, capsys):
    place = Installation(tmp_path)
    header = "date,tenant,model,prompt_tokens,completion_tokens"
    place.write_day(FIRST, ["acme,gpt-99,1000000,0"], header)
    place.judge(FIRST)
    prices = tmp_path / "new.csv"
    prices.write_text("model,scope,effective_from,input,output\ngpt-99,global,2026-01-01,3,9\n")
    assert place.run("prices", "import", str(prices)) == 0
    printed = capsys.readouterr().out
    assert "gpt-99: 1 day of past use priced again, an unknown cost -> $3" in printed
    (cost,) = place.json(capsys, "costs", "--from", str(FIRST), "--to", str(FIRST))
    assert cost["micro_usd"] == 3_000_000


def test_a_backtest_needs_neither_settings_nor_database(spiked, tmp_path, capsys):
    out = tmp_path / "alerts.csv"
    arguments = ("backtest", "--usage", str(spiked.usage), "--out", str(out))
    assert run(*arguments) == 0
    assert "pages per tenant-month" in capsys.readouterr().out
    (row,) = csv.DictReader(out.read_text().splitlines())
    assert (row["tenant"], row["day"], row["kind"]) == ("acme", str(SPIKE), "spend spike")
    assert row["actual_usd"] == "900"
    assert run(*arguments, "--set", "min_excess_usd=999", "--json") == 0
    assert json.loads(capsys.readouterr().out)["pages"] == 0


@pytest.mark.parametrize(
    "wrong",
    [
        ("--set", "zz=3"),
        ("--set", "z=high"),
        ("--set", "direction=left"),
        ("--method", "magic"),
        ("--from", "2027-01-01"),
    ],
)
def test_a_backtest_refuses_what_it_does_not_know(spiked, capsys, wrong):
    assert run("backtest", "--usage", str(spiked.usage), *wrong) == 2
    assert capsys.readouterr().err


def test_once_runs_a_cycle_and_prints_its_sum(spiked, capsys):
    facts = spiked.json(capsys, "once", "--day", str(SPIKE))
    # nobody has answered for weeks: told is the one reminder
    assert (facts["told"], facts["judged_days"]) == (1, [str(SPIKE)])
    assert spiked.json(capsys, "once", "--day", str(SPIKE))["told"] == 0
    assert spiked.run("once", "--day", str(SPIKE)) == 0
    assert "judged" in capsys.readouterr().out


def test_once_leaves_with_1_when_a_source_fails(tmp_path, capsys):
    place = Installation(tmp_path)
    place.usage.rmdir()
    assert place.run("once", "--day", str(FIRST)) == 1
    assert "source gateway" in capsys.readouterr().err


def test_the_demo_refuses_settings_it_has_no_story_for(spiked, tmp_path, capsys):
    assert spiked.run("demo", "--folder", str(tmp_path / "demo")) == 2
    assert "one source of kind sample with seed 7" in capsys.readouterr().err


def test_tenants_that_are_called_alike_are_kept_apart(tmp_path, capsys):
    place = Installation(tmp_path, extra='[[tenants]]\nid = "acme-prod"\nname = "Acme"\n')
    place.write_day(FIRST, ["Acme,chat,gpt-4o,7", "acme-prod,chat,gpt-4o,10"])
    place.judge(FIRST)
    sums = place.json(capsys, "costs", "--from", str(FIRST), "--to", str(FIRST))
    assert {each["tenant"]: each["micro_usd"] for each in sums} == {
        "acme": 7_000_000,
        "acme-prod": 10_000_000,
    }


@pytest.mark.parametrize(
    "arguments",
    [
        ("once", "--day", "9999-12-31"),
        ("once", "--day", "2099-12-31"),
        ("budgets", "--day", "0001-01-05"),
        ("costs", "--to", "0001-01-05"),
        ("backfill", "--from", "0001-01-01"),
        ("backfill", "--from", "2026-09-01", "--to", "2099-01-01"),
        ("alerts", "show", "99999999999999999999"),
        ("import", "x.csv", "--source", " "),
    ],
)
def test_days_and_numbers_out_of_any_range_are_wrong_usage(tmp_path, capsys, arguments):
    assert Installation(tmp_path).run(*arguments) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_an_alert_may_be_named_as_messages_name_it(spiked, capsys):
    assert spiked.run("alerts", "ack", "A-1") == 0
    assert spiked.run("alerts", "ack", "A-x") == 2
    assert "'A-x' is no alert's number" in capsys.readouterr().err


def test_an_unknown_cost_is_not_shown_as_nothing(tmp_path, capsys):
    place = Installation(tmp_path)
    header = "date,tenant,model,prompt_tokens,completion_tokens"
    place.write_day(FIRST, ["acme,gpt-99,1000,10", "bolt,gpt-4o,1000000,0"], header)
    place.judge(FIRST)
    assert place.run("costs", "--from", str(FIRST), "--to", str(FIRST)) == 0
    printed = capsys.readouterr().out
    assert "unknown" in printed
    assert "at least $2.50" in printed
    assert place.run("costs", "--from", "2026-09-02", "--to", "2026-09-01") == 2


def test_budgets_say_which_days_hold_no_data(spiked, capsys):
    assert spiked.run("budgets", "--day", str(SPIKE + timedelta(days=3))) == 0
    assert "no data of 3 days" in capsys.readouterr().out


def test_the_version_can_be_asked_for(capsys):
    assert run("--version") == 0
    assert capsys.readouterr().out.startswith("spendwatch 0.")
