from __future__ import annotations

import re
import tempfile
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import BaseModel

from detector.sources.csv_columns import COLUMNS
from spendwatch import config_texts
from spendwatch.config_template import QUESTIONS, InitAnswers, read_answers, render_config
from spendwatch.settings import ConfigError, Settings, load_settings
from spendwatch.settings_azure import (
    AzureLogsSource,
    AzureMetricsSource,
    AzureSettings,
    CarrierSettings,
    IdentitySettings,
    KustoQuerySource,
    ScopeSettings,
)
from spendwatch.settings_environment import WEBHOOK_SECRET, variable_names
from spendwatch.settings_outbound import OutboundSettings, WebhookReceiver
from spendwatch.settings_problems import key_names
from spendwatch.settings_sections import (
    AgreedRate,
    AlertSettings,
    AnswerSettings,
    BudgetDefaults,
    BudgetSettings,
    ColumnNames,
    ConsoleReceiver,
    CsvFileSource,
    DetectionSettings,
    ExchangeRateSettings,
    PlannedEventSettings,
    PriceSettings,
    RouteSettings,
    RuleSettings,
    SampleSource,
    ServiceSettings,
    SilenceSettings,
    TenantSettings,
    UsageColumns,
)
from spendwatch.settings_slack import SlackReceiver, SlackSettings

HOUSE = Path(__file__).parents[2]
SHIPPED = HOUSE / "config.toml"
DOCUMENTED: dict[str, type[BaseModel]] = {
    "`service`": ServiceSettings,
    "`sources` of kind `sample`": SampleSource,
    "`sources` of kind `csv_file`": CsvFileSource,
    "`sources.columns`": ColumnNames,
    "`sources` of kind `azure_logs`": AzureLogsSource,
    "`sources` of kind `azure_metrics`": AzureMetricsSource,
    "`sources` of kind `kusto_query`": KustoQuerySource,
    "`sources.tenant` and `sources.feature`": CarrierSettings,
    "`sources.tenant.ids` and `sources.feature.ids`": IdentitySettings,
    "`sources.scopes`": ScopeSettings,
    "`sources.columns` of kind `kusto_query`": UsageColumns,
    "`azure`": AzureSettings,
    "`receivers` of kind `console`": ConsoleReceiver,
    "`receivers` of kind `slack`": SlackReceiver,
    "`slack`": SlackSettings,
    "`receivers` of kind `webhook`": WebhookReceiver,
    "`outbound`": OutboundSettings,
    "`alerts`": AlertSettings,
    "`routes`": RouteSettings,
    "`tenants`": TenantSettings,
    "`tenants.budgets`": BudgetSettings,
    "`tenants.detection`": RuleSettings,
    "`detection`": DetectionSettings,
    "`budget_defaults`": BudgetDefaults,
    "`answers`": AnswerSettings,
    "`silences`": SilenceSettings,
    "`planned_events`": PlannedEventSettings,
    "`prices`": PriceSettings,
    "`prices.rates`": AgreedRate,
    "`prices.exchange_rates`": ExchangeRateSettings,
}
PLAIN = (str, int, float, Decimal, Path, tuple)


def load(text: str) -> Settings:
    """Load a config file with this text; the environment gives what a file must not."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.toml"
        path.write_text(text, encoding="utf-8")
        return load_settings(path, {WEBHOOK_SECRET: "whsec_" + "QUJD" * 8})


def with_defaults_shown(text: str) -> str:
    """Take the "# " away from every commented key and table."""
    return re.sub(r"^# (?=\[|[a-z_]+ = )", "", text, flags=re.MULTILINE)


def documented_rows() -> dict[tuple[str, str], list[str]]:
    """Give the cells after the key of every row of docs/configuration.md, by section and key."""
    rows, section = {}, ""
    for line in (HOUSE / "docs/configuration.md").read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            section = line.removeprefix("## ")
        elif line.startswith("| `"):
            key, *cells = [cell.strip() for cell in line.strip("|").split(" | ")]
            rows[section, key.strip("`")] = [cell.strip(" |") for cell in cells]
    return rows


def as_toml(value: object) -> str:
    """Write a default as config.toml would."""
    if isinstance(value, BaseModel):
        told = {key: each for key, each in value.model_dump().items() if each}
        return f"{{ {', '.join(f'{key} = {as_toml(each)}' for key, each in told.items())} }}"
    if isinstance(value, tuple):
        return f"[{', '.join(as_toml(item) for item in value)}]"
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str | Path) else str(value)


def test_the_shipped_file_has_no_problem_and_runs_on_bundled_data():
    settings = load(SHIPPED.read_text(encoding="utf-8"))
    (source,) = settings.sources
    assert (source.kind, source.name, source.seed) == ("sample", "sample", 7)
    assert {tenant.id for tenant in settings.tenants} >= {"contoso", "fabrikam", "northwind"}
    budgets = [budget for tenant in settings.tenants for budget in tenant.budgets]
    assert {budget.period for budget in budgets} == {"weekly", "monthly", "quarterly"}
    assert any(budget.feature for budget in budgets)


def test_the_shipped_file_is_short_enough_to_read():
    assert len(SHIPPED.read_text(encoding="utf-8").splitlines()) <= 256


def test_every_default_shown_in_the_shipped_file_can_be_switched_on():
    settings = load(with_defaults_shown(SHIPPED.read_text(encoding="utf-8")))
    assert settings.detection == load(SHIPPED.read_text(encoding="utf-8")).detection


def test_the_shipped_file_shows_every_key():
    shown = set(re.findall(r"\b([a-z_]+) =", SHIPPED.read_text(encoding="utf-8")))
    keys = {
        key
        for section, model in DOCUMENTED.items()
        for key in key_names(model)
        if not section.startswith("`sources.columns`")
    }
    lists = {"budgets", "rates", "exchange_rates"}
    secrets = {"bot_token", "app_token", "client_secret", "signing_secret"}
    assert keys - shown - lists == secrets


@pytest.mark.parametrize(
    "key", sorted({*DetectionSettings.model_fields, *BudgetDefaults.model_fields})
)
def test_a_default_shown_in_the_shipped_file_is_the_default_in_force(key):
    text = SHIPPED.read_text(encoding="utf-8")
    section = text[text.index("\n[detection]") : text.index("\n[answers]")]
    (shown,) = re.findall(rf"^# {key} = (.*?)(?:  +#.*)?$", section, flags=re.MULTILINE)
    model = DetectionSettings if key in DetectionSettings.model_fields else BudgetDefaults
    assert shown == as_toml(model.model_fields[key].default)


def test_the_defaults_of_slack_that_are_shown_are_those_in_force():
    before, text = SHIPPED.read_text(encoding="utf-8").split("# [slack]")
    defaults = {
        key: as_toml(field.default)
        for key, field in SlackSettings.model_fields.items()
        if isinstance(field.default, PLAIN) and field.default
    }
    shown = re.findall(r"^# (\w+) = (.*?)(?:  +#.*)?$", text.split("\n\n")[0], flags=re.MULTILINE)
    assert defaults.items() <= set(shown)
    assert 'kind = "slack"' in before


def test_the_defaults_of_azure_that_are_shown_are_those_in_force():
    before, text = SHIPPED.read_text(encoding="utf-8").split("# [azure]")
    shown = dict(
        re.findall(r"^# (\w+) = (.*?)(?:  +#.*)?$", text.split("\n\n")[0], flags=re.MULTILINE)
    )
    defaults = {
        key: as_toml(field.default)
        for key, field in AzureSettings.model_fields.items()
        if isinstance(field.default, PLAIN) and field.default
    }
    assert defaults.items() <= shown.items()
    for model in (AzureLogsSource, AzureMetricsSource, KustoQuerySource):
        assert f'kind = "{model.model_fields["kind"].annotation.__args__[0]}"' in before


def test_the_file_of_init_teaches_what_the_shipped_one_teaches():
    shipped = SHIPPED.read_text(encoding="utf-8")
    assert config_texts.REST in shipped
    assert config_texts.SLACK in shipped
    assert config_texts.OUTBOUND in shipped
    assert config_texts.AZURE in shipped


def test_the_documentation_has_a_row_for_every_key_and_none_besides():
    keys = {(section, key) for section, model in DOCUMENTED.items() for key in key_names(model)}
    assert documented_rows().keys() == keys


def test_every_section_of_the_settings_is_documented():
    named = {re.findall(r"`(\w+)", section)[0] for section in DOCUMENTED}
    assert named == Settings.model_fields.keys()


def test_the_documentation_names_the_defaults_in_force():
    for (section, key), (_, told, _, _) in documented_rows().items():
        fields = DOCUMENTED[section].model_fields
        field = dict(zip(key_names(DOCUMENTED[section]), fields.values(), strict=True))[key]
        if (
            field.is_required()
            or section == "`tenants.detection`"
            or (section, key)
            in {
                ("`alerts`", "receiver"),
                ("`tenants`", "aliases"),
            }
        ):
            continue
        if isinstance(field.default, PLAIN):
            assert told.startswith(f"`{as_toml(field.default)}`"), f"{section} {key}"


def test_the_documentation_names_the_variables_in_force():
    told = {cells[3].strip("`") for cells in documented_rows().values()} - {""}
    assert told == variable_names(Settings).keys()


def test_the_columns_that_can_be_renamed_are_those_a_file_can_have():
    assert set(ColumnNames.model_fields) == set(COLUMNS)


def test_the_defaults_of_init_make_a_file_without_problems():
    text = render_config(read_answers({}))
    assert load(text).sources[0].kind == "sample"
    load(with_defaults_shown(text))


def test_answers_stand_in_the_file():
    answers = read_answers(
        {
            "time_zone": "Asia/Tokyo",
            "currency": "JPY",
            "usd_rate": "150.25",
            "source": "csv_file",
            "path": "usage",
            "tenants": "Acme, bolt",
            "monthly_cap": "12.50",
            "alerts_file": "alerts.txt",
        }
    )
    settings = load(render_config(answers))
    assert (settings.service.time_zone, settings.service.currency) == ("Asia/Tokyo", "JPY")
    assert settings.prices.exchange_rates[0].rate == Decimal("150.25")
    assert settings.sources[0].path.name == "usage"
    assert [tenant.name for tenant in settings.tenants] == ["Acme", "bolt"]
    assert settings.tenants[1].budgets[0].cap_micro == 12_500_000
    assert settings.receivers[0].path.name == "alerts.txt"


def test_a_workspace_alone_makes_a_file_that_reads_a_gateways_logs():
    workspace = "AF1E2D3C-4b5a-6978-8796-a5b4c3d2e1f0"
    text = render_config(read_answers({"source": "azure_logs", "workspace_id": workspace}))
    (source,) = load(text).sources
    assert (source.kind, source.workspace_id) == ("azure_logs", workspace.lower())
    load(with_defaults_shown(text))
    with pytest.raises(ConfigError, match="workspace_id: must be an id such as"):
        read_answers({"source": "azure_logs"})


def test_a_cap_of_none_makes_tenants_without_a_limit():
    settings = load(render_config(read_answers({"tenants": "acme"})))
    assert settings.tenants[0].budgets[0].cap is None


@pytest.mark.parametrize(
    ("key", "answer", "words"),
    [
        ("time_zone", "Berlin", "must be an IANA time zone"),
        ("currency", "euro", "three capital letters"),
        ("usd_rate", "0", "must be a rate above 0"),
        ("source", "cvs_file", "did you mean csv_file?"),
        ("path", "", "must not be empty"),
        ("path", "https://x/u.csv?sig=abc", "looks like a secret"),
        ("tenants", "acme, ACME ", "'ACME' means the same as 'acme'"),
        ("tenants", "a, a", "'a' means the same as 'a'"),
        ("tenants", "n/a", "'n/a' means the same as 'n/a'"),
        ("tenants", "xoxb-1", "looks like a secret"),
        ("tenants", "a\udcff", "one line"),
        ("monthly_cap", "-5", 'such as 250 or "12.50" or "none", not'),
        ("alerts_file", "a\nb", "one line"),
        ("alerts_file", "xoxb-1", "looks like a secret"),
    ],
)
def test_a_question_says_what_is_wrong_with_its_answer(key, answer, words):
    (question,) = [question for question in QUESTIONS if question.key == key]
    assert words in question.problem(answer)
    assert question.problem(question.default) == "" or key == "usd_rate"


def test_all_wrong_answers_are_told_at_once():
    with pytest.raises(ConfigError) as caught:
        read_answers({"time_zone": "x", "tenants": "a", "monthly_cap": "x", "path": "u"})
    assert [problem.partition(":")[0] for problem in caught.value.problems] == [
        "time_zone",
        "monthly_cap",
        "path",
    ]
    assert caught.value.problems[2] == "path: does not go with the other answers; leave it out"


def test_a_question_that_makes_no_sense_is_not_asked():
    asked = {question.key for question in QUESTIONS if question.asked({"currency": "USD"})}
    assert asked == {"time_zone", "currency", "source", "tenants", "alerts_file"}
    answers = {"currency": "EUR", "source": "csv_file", "tenants": "acme"}
    assert {question.key for question in QUESTIONS if not question.asked(answers)} == {
        "workspace_id"
    }
    assert all(
        question.asked({**answers, "source": "azure_logs"}) or question.key == "path"
        for question in QUESTIONS
    )


@given(
    st.lists(st.text(max_size=9), max_size=3),
    st.text(max_size=9),
    st.sampled_from(["none", "0", "12.5"]),
)
@example(['a"b', "back\\slash", "'''", "# no comment"], 'x"] \\', "0")
def test_answers_of_any_text_are_refused_or_make_a_file_that_says_just_them(tenants, path, cap):
    texts = {"tenants": ",".join(tenants), "path": path, "monthly_cap": cap}
    try:
        answers = read_answers({**texts, "source": "csv_file", "alerts_file": path})
    except ConfigError:
        return
    settings = load(render_config(answers))
    assert [tenant.name for tenant in settings.tenants] == list(answers.tenants)
    assert str(settings.sources[0].path).endswith(str(Path(path)))
    assert settings.receivers[0].path == settings.sources[0].path


def test_hostile_answers_stay_inside_their_strings():
    hostile = 'a"]\n[[receivers]]\nname = "b\\'
    text = render_config(InitAnswers(tenants=(hostile,), source="csv_file", path=hostile))
    with pytest.raises(ConfigError) as caught:
        load(text)
    keys = {problem.split(": ")[1] for problem in caught.value.problems}
    assert keys == {"tenants[0].id"}
