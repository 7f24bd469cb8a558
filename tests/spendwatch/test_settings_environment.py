from __future__ import annotations

from tests.spendwatch.config_files import load, problems


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
    monkeypatch.setenv("ANSWERS", '{"false_alarm_days": 5}')
    settings = load(tmp_path, "")
    assert (settings.service.time_zone, settings.answers.false_alarm_days) == ("UTC", 30)


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
        "SPENDWATCH_COPY_TO": "sqlite:///elsewhere.db",
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
