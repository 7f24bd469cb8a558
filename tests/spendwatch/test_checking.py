"""What `spendwatch check` prints: problems, warnings, and what the settings declare."""

from __future__ import annotations

import os

import pytest

from tests.spendwatch.installations import CONFIG, Installation

LEFT_OVER = """
[[tenants]]
id = "acme"
[[tenants.budgets]]
cap = 100

[[silences]]
tenant = "acmee"
until = 2020-01-01
comment = "x"

[[planned_events]]
tenant = "acme"
first_day = 2020-01-01
ceiling = 5
comment = "x"
"""
LINE = CONFIG.count("\n")


@pytest.fixture
def place(tmp_path):
    return Installation(tmp_path, extra=LEFT_OVER)


def printed(place, capsys):
    capsys.readouterr()
    assert place.run("check") == 0
    return capsys.readouterr().out.replace(f"{place.folder}/", "").splitlines()


def test_what_is_left_over_or_unknown_is_a_warning_with_its_line_and_no_failure(place, capsys):
    first, *lines = printed(place, capsys)
    assert first == "config.toml: no problems, 3 warnings"
    assert [line for line in lines if "warning" in line] == [
        f"  warning: config.toml:{LINE + 7}: silences[0]: is over since 1 Jan 2020 00:00 UTC: "
        "remove it",
        f"  warning: config.toml:{LINE + 8}: silences[0].tenant: no tenant in these settings fits "
        "'acmee': it is for nobody, unless usage names such a tenant; did you mean acme?",
        f"  warning: config.toml:{LINE + 12}: planned_events[0]: is over since Wed 1 Jan 2020, and "
        "no baseline holds its days any more: remove it",
    ]


def test_check_ends_with_what_the_settings_declare(place, capsys):
    assert printed(place, capsys)[-1] == (
        "declares 1 tenant, 1 source, 1 budget, 1 receiver, 0 routes, 1 silence, 1 planned event"
    )


def test_without_a_warning_none_is_counted(tmp_path, capsys):
    first, *lines = printed(Installation(tmp_path), capsys)
    assert first == "config.toml: no problems"
    assert lines[-1].startswith("declares 0 tenants, 1 source, 0 budgets, 1 receiver, 0 routes, ")


def test_programs_get_the_warnings_apart_from_whether_all_is_well(place, capsys):
    facts = place.json(capsys, "check")
    assert facts["ok"]
    assert len(facts["warnings"]) == 3
    assert facts["declared"] == {
        "tenants": 1, "sources": 1, "budgets": 1, "receivers": 1, "routes": 0,
        "silences": 1, "planned_events": 1,
    }  # fmt: skip


def test_where_there_is_a_problem_the_warnings_wait(place, capsys):
    place.usage.rmdir()
    assert place.run("check") == 78
    told = capsys.readouterr()
    assert "warning" not in told.out + told.err


@pytest.fixture
def to_file(tmp_path):
    """An installation whose only receiver writes to ``place.folder / name``."""

    def place_with(name):
        named = CONFIG.replace('name = "desk"', f'name = "desk"\npath = "{name}"')
        return Installation(tmp_path, named)

    return place_with


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("usage", "usage is a folder; messages are appended to a file, so name one in it"),
        ("config.toml/out/told.txt", "told.txt cannot be made, because"),
        ("config.toml/told.txt", "config.toml is a file and no folder"),
    ],
)
def test_a_receivers_file_that_cannot_be_written_is_a_problem(to_file, capsys, name, words):
    assert to_file(name).run("check") == 78
    said = capsys.readouterr().err
    assert "receivers.desk.path: " in said
    assert words in said


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_receivers_file_that_a_user_may_not_write_is_a_problem(to_file, capsys):
    place = to_file("locked/told.txt")
    (place.folder / "locked").mkdir(mode=0o500)
    assert place.run("check") == 78
    assert "does not let this user write" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["told.txt", "a/b/told.txt"])
def test_check_takes_a_receivers_file_that_can_be_made_and_makes_nothing(to_file, name):
    place = to_file(name)
    before = sorted(place.folder.rglob("*"))
    assert place.run("check") == 0
    assert sorted(place.folder.rglob("*")) == before
