"""What is built of the sources in Azure, and what outlives a pull."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from detector.model import Grain
from detector.sources.base import SourceError, WatchedSource, Window
from spendwatch.app import build_app
from spendwatch.azure import (
    AzureAccount,
    file_problems,
    scope_rules,
    slot_of,
    tells_orphans,
)
from spendwatch.azure_mappings import Mappings
from spendwatch.directory import CurrentDirectory
from spendwatch.settings import load_settings
from tests.databases import migrated
from tests.spendwatch.azure_settings import (
    BY_FILE,
    CLASSIC,
    FINOPS,
    INSIGHTS,
    KUSTO,
    LOGS,
    METRICS,
    WORKSPACE,
)

NOW = datetime(2026, 11, 29, 12, 34, tzinfo=UTC)
BOLT = "{ tenant = 'bolt', feature = 'search', cost_centre = 'CC-1' }"
DAY = Window(date(2026, 11, 28), date(2026, 11, 28))


@pytest.fixture
def place(tmp_path):
    """Write settings with these sources; give them loaded."""

    def write(text):
        path = tmp_path / "config.toml"
        path.write_text(FINOPS + text, encoding="utf-8")
        return load_settings(path, {})

    return write


def account(settings, credential=lambda _azure: object()):
    return AzureAccount(settings, lambda: NOW, credential)


def test_every_kind_of_source_is_built_and_watched(place, tmp_path):
    (tmp_path / "usage.kql").write_text("T | where At between (window_start .. window_end)")
    settings = place(LOGS + METRICS + KUSTO)
    built = [account(settings).source(each, [ZoneInfo("UTC")]) for each in settings.sources]
    assert [each.name for each in built] == ["gateway", "metrics", "own"]
    assert all(isinstance(each, WatchedSource) for each in built)


def test_a_source_asks_the_workspace_or_the_resource_it_names(place):
    settings = place(LOGS + CLASSIC)
    places = [account(settings).store(each).place for each in settings.sources]
    assert places == [f"workspace {WORKSPACE}", f"resource {INSIGHTS}"]


def test_of_the_sources_of_one_workspace_the_first_alone_tells_tokens_without_a_call(place):
    other = WORKSPACE.replace("0f1e", "1f1e")
    settings = place(
        f'{LOGS}apis = ["chat"]\n'
        + LOGS.replace("gateway", "batch").replace(WORKSPACE, WORKSPACE.upper())
        + 'apis = ["batch"]\n'
        + LOGS.replace("gateway", "elsewhere").replace(WORKSPACE, other)
        + METRICS
    )
    logs = [each for each in settings.sources if each.kind == "azure_logs"]
    assert [(each.name, tells_orphans(each, settings)) for each in logs] == [
        ("gateway", True), ("batch", False), ("elsewhere", True),
    ]  # fmt: skip
    built = [account(settings).source(each, [ZoneInfo("UTC")]) for each in logs]
    told = ["let tell_rows_without_call = true;" in each._statement.text for each in built]
    assert told == [True, False, True]


def test_credential_and_gate_are_the_same_for_every_source_and_every_pull(place):
    made = []

    def open_credential(_azure):
        made.append(object())
        return made[-1]

    shared = account(place(LOGS + METRICS), open_credential)
    gates = set()
    for _pull in range(3):
        for each in shared._settings.sources:
            gates.add(id(shared.store(each)._gate))
    assert len(gates) == len(made) == 1


def test_fault_25_a_refused_credential_is_remembered_from_one_pull_to_the_next(place, tmp_path):
    settings = place(f'{LOGS}[service]\ndatabase_url = "sqlite:///x.db"\n')
    app = build_app(migrated(settings), lambda: NOW)
    _credential, gate = app.azure._shared()
    gate.refuse("the credential gave no token")
    for _pull in range(2):
        (source,) = app.usage_sources()
        with pytest.raises(SourceError, match="the credential gave no token"):
            list(source.usage(DAY))


def test_a_credential_that_cannot_be_made_holds_up_no_other_source(place, monkeypatch):
    for name in ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_FEDERATED_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    csv = '[[sources]]\nkind = "csv_file"\nname = "files"\npath = "usage"\n'
    settings = place(f'{LOGS}{csv}[azure]\ncredential = "workload_identity"\n')
    azure, files = build_app(migrated(settings), lambda: NOW).usage_sources()
    assert files.name == "files"
    with pytest.raises(SourceError, match=r"\[azure\]: workload_identity credential: check"):
        list(azure.usage(DAY))
    assert azure.coverage().first_day is None


def test_a_query_that_is_not_there_holds_up_no_other_source(place):
    settings = place(KUSTO + LOGS)
    own, gateway = build_app(migrated(settings), lambda: NOW).usage_sources()
    assert (own.name, gateway.name) == ("own", "gateway")
    with pytest.raises(SourceError, match=r"usage\.kql: cannot be read: No such file"):
        list(own.usage(DAY))


@pytest.mark.parametrize(
    ("zones", "slot"),
    [
        (["UTC", "Europe/Berlin", "America/New_York"], Grain.HOUR),
        (["UTC", "Asia/Kolkata"], Grain.QUARTER_HOUR),
        (["Asia/Kathmandu"], Grain.QUARTER_HOUR),
        (["Australia/Lord_Howe"], Grain.QUARTER_HOUR),
        (["America/St_Johns"], Grain.QUARTER_HOUR),
    ],
)
def test_fault_5_slots_are_as_short_as_the_time_zones_need(place, zones, slot):
    (source,) = place(LOGS).sources
    assert slot_of(source, map(ZoneInfo, zones), NOW) is slot


@pytest.mark.parametrize("slot", ["hour", "quarter_hour"])
def test_a_slot_that_is_set_is_taken(place, slot):
    (source,) = place(f'{LOGS}slot = "{slot}"\n').sources
    assert slot_of(source, [ZoneInfo("Asia/Kolkata"), ZoneInfo("UTC")], NOW) is Grain(slot)


def test_calls_are_served_where_the_first_rule_that_fits_says(place):
    (source,) = place(
        f'{LOGS}scope = "datazone_eu"\n'
        'scopes = [{ backend = "ptu-*", scope = "ptu" }, { deployment = "b*", scope = "batch" }]\n'
    ).sources
    rules = scope_rules(source, source.spillover_scope)
    assert rules.scope_of("ptu-east", "gpt-4o") == "ptu"
    assert rules.scope_of("ptu-east", "gpt-4o", spilled=True) == "global"
    assert rules.scope_of("paygo", "bulk") == "batch"
    assert rules.scope_of("paygo", "gpt-4o") == "datazone_eu"


def test_ids_of_the_settings_stand_for_tenants_and_features(place):
    settings = place(
        f"{LOGS}tenant = [{{ carrier = 'subscription', ids = {{ bu-hr = 'acme', x = {BOLT} }} }}]\n"
        "feature = [{ carrier = 'api', ids = { chat-v2 = 'chat' } }]\n"
    )
    found = Mappings(settings).attribution(settings.sources[0])
    hr = found.tenant_of({"subscription": "bu-hr"})
    assert (hr.tenant, found.feature_of({"api": "chat-v2"}, hr)) == ("acme", "chat")
    assert found.tenant_of({"subscription": "x"}).feature == "search"
    assert found.tenant_of({"subscription": "bu-it"}) is None
    assert found.feature_of({"api": "chat-v1"}, None) == ""
    assert Mappings(settings).cost_centres() == [{"acme": "", "bolt": "CC-1"}]


def test_a_mapping_that_changes_is_seen_by_the_next_pull(place, tmp_path):
    mapping = tmp_path / "subscriptions.csv"
    mapping.write_text("id,tenant\nbu-hr,acme\n")
    settings = place(LOGS + BY_FILE)
    carrier = Mappings(settings).attribution(settings.sources[0]).tenant[0]
    assert carrier.identity_of({"subscription": "bu-hr"}).tenant == "acme"
    mapping.write_text("id,tenant\nbu-hr,acme two\n")
    assert carrier.identity_of({"subscription": "bu-hr"}).tenant == "acme two"


def test_the_directory_knows_whom_a_mapping_names_as_it_is_now(place, tmp_path):
    mapping = tmp_path / "subscriptions.csv"
    mapping.write_text("id,tenant,cost_centre\n1,Acme Corp,CC-1\n2,Bolt,CC-2\n3,None,CC-3\n")
    settings = place(
        f'{LOGS}{BY_FILE}[[tenants]]\nid = "bolt"\nname = "Bolt Ltd"\ncost_centre = "CC-9"\n'
        '[[tenants]]\nid = "zeta"\naliases = ["acme-old"]\n'
    )
    seconds = [0.0]
    directory = CurrentDirectory(settings, Mappings(settings).cost_centres, lambda: seconds[0])
    first = directory()
    assert first.all_names == {"acme corp": "Acme Corp", "bolt": "Bolt Ltd", "zeta": "zeta"}
    assert first.names == {"bolt": "Bolt Ltd", "zeta": "zeta"}
    assert first.routes.cost_centres == {"acme corp": "CC-1", "bolt": "CC-9"}
    assert directory() is first
    mapping.write_text("id,tenant,cost_centre\n1,ACME-Old,CC-7\n")
    assert directory() is first, "a file is looked at once a second at most"
    seconds[0] = 1.0
    now = directory()
    assert now.routes.cost_centres == {"zeta": "CC-7", "bolt": "CC-9"}
    assert now.mapped_names == {}
    mapping.write_text("broken")
    seconds[0] = 2.0
    assert directory() is now, "what a file said last counts until it can be read again"


def test_a_mapping_that_cannot_be_read_takes_nothing_from_the_settings(place, tmp_path):
    settings = place(f'{LOGS}{BY_FILE}[[tenants]]\nid = "bolt"\ncost_centre = "CC-9"\n')
    assert Mappings(settings).cost_centres() == []
    directory = build_app(migrated(settings), lambda: NOW).directory
    assert directory.routes.cost_centres == {"bolt": "CC-9"}


def test_everything_wrong_with_mappings_and_queries_is_told(place, tmp_path):
    (tmp_path / "subscriptions.csv").write_text("id,tenant\na\n")
    (tmp_path / "apis.csv").write_text("id,featre\nchat,x\n")
    (tmp_path / "usage.kql").write_text("let window_start = ago(1d);\nT")
    settings = place(
        f'{LOGS}{BY_FILE}feature = [{{ carrier = "api", file = "apis.csv" }}]\n{KUSTO}'
        f"{KUSTO.replace('own', 'other').replace('usage.kql', 'none.kql')}"
    )
    found = [each.replace(f"{tmp_path}/", "") for each in file_problems(settings)]
    tenants, features, own, other = found
    assert tenants.startswith("sources.gateway.tenant[0].file: subscriptions.csv, line 2: there ar")
    assert "sources.gateway.feature[0].file: apis.csv, line 1: 'featre' is not a column" in features
    assert own.startswith("sources.own.query: usage.kql: it binds window_start itself; remove its")
    assert other.startswith("sources.other.query: none.kql: cannot be read: No such file or dir")


def test_files_without_a_fault_are_no_problem(place, tmp_path):
    (tmp_path / "subscriptions.csv").write_text("id,tenant\na,acme\n")
    (tmp_path / "usage.kql").write_text("T | where At >= window_start and At < window_end")
    assert file_problems(place(LOGS + BY_FILE + KUSTO)) == ()
