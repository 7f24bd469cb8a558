from __future__ import annotations

from typing import get_args

import pytest

from spendwatch.settings_azure import (
    LOG_CARRIERS,
    METRIC_CARRIERS,
    CarrierKind,
    CarrierSettings,
)
from tests.spendwatch.config_files import load, problems

WORKSPACE = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"
INSIGHTS = (
    f"/subscriptions/{WORKSPACE}/resourceGroups/rg-ai/providers/microsoft.insights/components/apim"
)
LOGS = f'[[sources]]\nkind = "azure_logs"\nname = "gateway"\nworkspace_id = "{WORKSPACE}"\n'
METRICS = f'[[sources]]\nkind = "azure_metrics"\nname = "m"\nworkspace_id = "{WORKSPACE}"\n'
KUSTO = (
    f'[[sources]]\nkind = "kusto_query"\nname = "own"\nworkspace_id = "{WORKSPACE}"\n'
    'query = "usage.kql"\n'
)
SECRET = "SPENDWATCH_AZURE__CLIENT_SECRET"  # noqa: S105 - the name of a variable
BOLT = '{ tenant = "bolt", cost_centre = "C1" }'
APP = (
    f'[azure]\ncredential = "client_secret"\ntenant_id = "{WORKSPACE}"\nclient_id = "{WORKSPACE}"\n'
)


def source(tmp_path, text):
    """Load a config file with one source."""
    (found,) = load(tmp_path, text).sources
    return found


def refused(tmp_path, text, environ=None):
    """Give the one problem of a config file."""
    (problem,) = problems(tmp_path, text, environ)
    return problem


def test_a_workspace_alone_is_enough(tmp_path):
    found = source(tmp_path, LOGS)
    assert (found.kind, found.workspace_id, found.slot) == ("azure_logs", WORKSPACE, "auto")
    assert found.tenant == (CarrierSettings(carrier="subscription"),)
    assert found.feature == (CarrierSettings(carrier="api"),)
    assert (found.apis, found.scope, found.spillover_scope) == ((), "", "global")
    assert found.cached_tokens_header == "X-Cached-Tokens"


def test_metrics_by_the_names_a_gateway_gives_them_need_a_workspace_alone(tmp_path):
    found = source(tmp_path, METRICS)
    assert [(each.carrier, each.name) for each in found.tenant] == [
        ("dimension", "Subscription ID"),
    ]
    assert (found.model_dimension, found.api_dimension) == ("Model", "API ID")
    assert found.deployment_dimension == found.streamed_dimension == ""


def test_the_identity_is_the_machines_in_the_public_cloud_unless_set(tmp_path):
    azure = load(tmp_path, "").azure
    assert (azure.cloud, azure.credential, azure.endpoint) == ("public", "default", "")
    assert (azure.query_timeout_s, azure.run_timeout_s) == (180, 900)
    assert (azure.tenant_id, azure.client_id) == ("", "")
    assert azure.client_secret.get_secret_value() == ""


def test_ids_of_azure_count_without_upper_case(tmp_path):
    assert source(tmp_path, LOGS.replace(WORKSPACE, WORKSPACE.upper())).workspace_id == WORKSPACE


@pytest.mark.parametrize(
    "value", ["law-prod", WORKSPACE[:-1], f"{WORKSPACE}0", f"{{{WORKSPACE}}}", INSIGHTS, " "]
)
def test_a_workspace_is_named_by_its_guid_alone(tmp_path, value):
    problem = refused(tmp_path, LOGS.replace(WORKSPACE, value))
    assert problem.startswith("config.toml:4: sources[0].workspace_id: must be an id such as 0f1e2")
    assert "a GUID; not a name, and not a resource id" in problem


def test_a_workspace_is_required_where_only_a_workspace_can_be_asked(tmp_path):
    for text in (LOGS, KUSTO):
        problem = refused(tmp_path, text.replace("workspace_id", "# workspace_id"))
        assert problem == "config.toml:1: sources[0].workspace_id: is required"
        problem = refused(tmp_path, text.replace(WORKSPACE, ""))
        assert "sources[0].workspace_id: must be an id such as" in problem


@pytest.mark.parametrize(
    "resource", [INSIGHTS, INSIGHTS.lower(), INSIGHTS.replace("rg-ai", "a.(b)")]
)
def test_metrics_of_an_application_insights_are_asked_by_its_resource_id(tmp_path, resource):
    text = METRICS.replace(f'workspace_id = "{WORKSPACE}"', f'application_insights = "{resource}"')
    assert source(tmp_path, text).application_insights == resource


@pytest.mark.parametrize(
    "value",
    [
        "apim",
        WORKSPACE,
        INSIGHTS.removesuffix("/apim"),
        f"{INSIGHTS}/query",
        INSIGHTS.replace("components", "webtests"),
        INSIGHTS.replace(WORKSPACE, "my-subscription"),
        f"https://portal.azure.com/#resource{INSIGHTS}",
    ],
)
def test_an_application_insights_is_named_by_its_resource_id_alone(tmp_path, value):
    text = METRICS.replace(f'workspace_id = "{WORKSPACE}"', f'application_insights = "{value}"')
    problem = refused(tmp_path, text)
    assert (
        "sources[0].application_insights: must be the resource id of an Application In" in problem
    )


def test_metrics_are_asked_of_one_place(tmp_path):
    both = refused(tmp_path, f'{METRICS}application_insights = "{INSIGHTS}"\n')
    none = refused(tmp_path, METRICS.replace("workspace_id", "# workspace_id"))
    for problem in (both, none):
        assert "sources[0]: must name either workspace_id (metrics in AppMetrics) or app" in problem


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("https://api.loganalytics.example/", "https://api.loganalytics.example"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("https://api.loganalytics.io/v1", "https://api.loganalytics.io"),
        ("", ""),
    ],
)
def test_fault_20_queries_go_over_tls_or_stay_on_this_machine(tmp_path, value, kept):
    assert load(tmp_path, f'[azure]\nendpoint = "{value}"\n').azure.endpoint == kept


@pytest.mark.parametrize(
    "value",
    [
        "http://api.loganalytics.io",
        "http://127.0.0.1.example.org",
        "http://localhost.example.org",
        "http://10.0.0.1",
        "ftp://127.0.0.1",
        "api.loganalytics.io",
        "https://",
        "https://[::1",
        "https://x:99999",
        "https://x/?a=1",
        "https://x/#a",
        "https://watch@x",
        "https://x y",
    ],
)
def test_fault_20_queries_go_over_nothing_else(tmp_path, value):
    problem = refused(tmp_path, f'[azure]\nendpoint = "{value}"\n')
    assert problem.startswith("config.toml:2: azure.endpoint: must be an address that begins with")


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("cloud", '"publik"', "'publik' is not known here; it must be one of 'public', 'us_govern"),
        ("cloud", '"us_goverment"', "did you mean us_government?"),
        ("credential", '"manged_identity"', "did you mean managed_identity?"),
        ("tenant_id", '"my company"', "must be the directory (tenant) id of Microsoft Entra"),
        ("client_id", '"spendwatch"', "must be an id such as"),
        ("query_timeout_s", "9", "must be a whole number from 10 to 600, not 9"),
        ("query_timeout_s", "601", "must be a whole number from 10 to 600, not 601"),
        ("run_timeout_s", "0", "must be a whole number from 10 to 86400, not 0"),
        ("timeout_s", "5", "unknown key"),
    ],
)
def test_fault_1_a_wrong_value_says_what_is_right(tmp_path, key, value, words):
    found = problems(tmp_path, f"[azure]\n{key} = {value}\n")
    assert any(each.startswith(f"config.toml:2: azure.{key}: ") and words in each for each in found)


def test_the_path_to_the_queries_is_the_services_own(tmp_path):
    problem = refused(tmp_path, '[azure]\nendpoint = "https://gateway.example/logs"\n')
    assert "azure.endpoint: must be an address without a path" in problem


def test_the_directory_may_be_named_by_a_domain(tmp_path):
    text = '[azure]\ntenant_id = "Contoso.onmicrosoft.com"\n'
    assert load(tmp_path, text).azure.tenant_id == "contoso.onmicrosoft.com"


def test_one_pull_lasts_at_least_as_long_as_one_query(tmp_path):
    problem = refused(tmp_path, "[azure]\nrun_timeout_s = 179\n")
    assert problem.startswith("config.toml:2: azure.run_timeout_s: must be at least azure.query_ti")
    environ = {"SPENDWATCH_AZURE__QUERY_TIMEOUT_S": "179"}
    assert load(tmp_path, "[azure]\nrun_timeout_s = 179\n", environ).azure.run_timeout_s == 179


def test_fault_2_the_client_secret_comes_from_the_environment_and_is_never_shown(tmp_path):
    settings = load(tmp_path, APP, {SECRET: "hunter2"})
    assert settings.azure.client_secret.get_secret_value() == "hunter2"
    assert "hunter2" not in f"{settings!r} {settings.azure}"


def test_fault_2_the_client_secret_can_be_read_from_a_file(tmp_path):
    (tmp_path / "secret").write_text("hunter2\n")
    azure = load(tmp_path, APP, {f"{SECRET}_FILE": str(tmp_path / "secret")}).azure
    assert azure.client_secret.get_secret_value() == "hunter2"


def test_fault_2_a_client_secret_in_the_file_is_refused_unseen(tmp_path):
    problem = refused(tmp_path, f'{APP}client_secret = "hunter2"\n', {SECRET: "x"})
    assert problem.startswith("config.toml:5: azure.client_secret: looks like a secret")
    assert f"set the environment variable {SECRET}, or {SECRET}_FILE" in problem
    assert "hunter2" not in problem


def test_fault_2_a_client_secret_is_known_by_its_looks_wherever_it_stands(tmp_path):
    leaked = "Ab18Q~" + "x" * 34
    found = problems(tmp_path, f'{LOGS}apis = ["{leaked}"]\n[azure]\ncredential = "{leaked}"\n')
    assert sum("looks like a secret" in each for each in found) == 2
    assert leaked not in "\n".join(found)


def test_fault_2_what_is_no_kind_of_credential_may_be_one(tmp_path):
    problem = refused(tmp_path, '[azure]\ncredential = "hunter2"\n')
    assert "looks like a secret" in problem
    assert "hunter2" not in problem


def test_fault_2_what_is_no_secret_is_refused_unseen(tmp_path):
    problem = refused(tmp_path, APP, {SECRET: " hunter2"})
    assert problem.startswith(f"environment: {SECRET}: must be the value of a client secret")
    assert "hunter2" not in problem


def test_a_client_secret_needs_the_app_it_is_of(tmp_path):
    text = '[azure]\ncredential = "client_secret"\n'
    assert [each.split(" with ")[0] for each in problems(tmp_path, text)] == [
        "config.toml:1: azure.tenant_id: is required",
        "config.toml:1: azure.client_id: is required",
        "config.toml:1: azure.client_secret: is required",
    ]
    problem = refused(tmp_path, APP)
    assert problem.endswith(f"set {SECRET}, or {SECRET}_FILE to a file that holds it")


def test_who_is_a_tenant_is_an_ordered_list_of_carriers(tmp_path):
    found = source(
        tmp_path,
        f"""{LOGS}
tenant = [
  {{ carrier = "request_header", name = "x-tenant-id" }},
  {{ carrier = "subscription", file = "subscriptions.csv" }},
  {{ carrier = "product", ids = {{ gold = "acme", "billing-token" = {BOLT} }} }},
]
feature = [{{ carrier = "api", ids = {{ chat-v2 = "chat" }} }}]
""",
    )
    header, subscription, product = found.tenant
    assert (header.carrier, header.name) == ("request_header", "x-tenant-id")
    assert subscription.file == tmp_path / "subscriptions.csv"
    assert product.ids["gold"].tenant == "acme"
    assert (product.ids["billing-token"].tenant, product.ids["billing-token"].cost_centre) == (
        "bolt", "C1",
    )  # fmt: skip
    assert found.feature[0].ids["chat-v2"].feature == "chat"


def test_every_carrier_is_known_to_a_kind_of_source():
    assert {*LOG_CARRIERS, *METRIC_CARRIERS} == set(get_args(CarrierKind))


@pytest.mark.parametrize(
    ("kind", "line", "words"),
    [
        (LOGS, 'tenant = [{ carrier = "subscripton" }]', "tenant[0].carrier: 'subscripton' is not"),
        (LOGS, 'tenant = [{ carrier = "subscripton" }]', "did you mean subscription?"),
        (LOGS, "tenant = [{}]", "tenant[0].carrier: is required"),
        (LOGS, "tenant = [5]", "tenant[0]: must be a table, not 5"),
        (LOGS, 'tenant = "x"', "tenant: must be a list in square brackets, not 'x'"),
        (LOGS, 'tenant = [{ carrier = "api", nam = "x" }]', "tenant[0].nam: unknown key; did you"),
        (LOGS, 'tenant = [{ carrier = "dimension", name = "x" }]',
         "tenant[0].carrier: a source of kind azure_logs knows subscription, product"),
        (METRICS, 'feature = [{ carrier = "user" }]',
         "feature[0].carrier: a source of kind azure_metrics knows dimension, api; not user"),
        (LOGS, 'tenant = [{ carrier = "request_header" }]',
         "tenant[0].name: is required: which request header"),
        (LOGS, 'tenant = [{ carrier = "trace" }]', "tenant[0].name: is required: which trace"),
        (METRICS, 'tenant = [{ carrier = "dimension" }]', "tenant[0].name: is required: which dim"),
        (LOGS, 'tenant = [{ carrier = "user", name = "x" }]', "tenant[0].name: a user has no name"),
        (LOGS, 'tenant = [{ carrier = "api", file = 5 }]', "tenant[0].file: must be the path of a"),
        (LOGS, 'tenant = [{ carrier = "api", file = "a", ids = { b = "c" } }]',
         "tenant[0].ids: name the ids here, or a file that holds them; not both"),
        (LOGS, 'tenant = [{ carrier = "api", ids = "x" }]', "tenant[0].ids: must be a table, not"),
        (LOGS, 'tenant = [{ carrier = "api", ids = { b = 5 } }]', "tenant[0].ids.b: must be a tab"),
        (LOGS, 'tenant = [{ carrier = "api", ids = { b = "" } }]', "ids.b: must name a tenant"),
        (LOGS, 'feature = [{ carrier = "api", ids = { b = { tenant = "c" } } }]',
         "feature[0].ids.b: must name a feature"),
        (LOGS, 'tenant = [{ carrier = "api", ids = { b = { tenent = "c", tenant = "d" } } }]',
         "tenant[0].ids.b.tenent: unknown key; did you mean tenant?"),
        (LOGS, 'tenant = [{ carrier = "trace", name = "a" }, { carrier = "trace", name = "b" }]',
         "tenant[1].name: one trace property is read: 'a' is named before"),
        (LOGS, 'feature = [{ carrier = "request_header", name = "a" }, '
         '{ carrier = "request_header", name = "b" }]',
         "feature[1].name: tenants are read from one request header, features from one: 'a' is"),
        (METRICS, "tenant = [" + ",".join(
            f'{{ carrier = "dimension", name = "{each}" }}' for each in "abcdef") + "]",
         "tenant[5].name: 'f' is one too many: a gateway's metrics have at most 5 dimensions"),
        (LOGS, 'scopes = [{ backend = "ptu-*" }]', "scopes[0].scope: is required"),
        (LOGS, 'scopes = [{ scope = "ptu" }]', "scopes[0]: must name a backend, a deployment or"),
        (LOGS, 'scopes = [{ backend = "a", scope = "ptuu" }]', "scopes[0].scope: must be one of"),
        (METRICS, 'scopes = [{ backend = "a", scope = "ptu" }]',
         "scopes[0].backend: metrics do not say which backend answered; name a deployment"),
        (LOGS, 'slot = "minute"', "slot: 'minute' is not known here; it must be one of 'auto', "),
        (LOGS, 'apis = [""]', "apis[0]: must not be empty"),
        (LOGS, 'cached_tokens_header = "x:y"', "cached_tokens_header: must be a name of 1 to 64"),
        (METRICS, 'model_dimension = "a[b]"', "model_dimension: must be a name of 1 to 64 letters"),
        (LOGS, 'spillover_scope = "paid"', "spillover_scope: must be one of"),
        (LOGS, 'application_insights = ""', "application_insights: unknown key"),
        (KUSTO, 'tenant = [{ carrier = "api" }]', "tenant: unknown key"),
        (KUSTO, 'grain = "minute"', "grain: 'minute' is not known here; it must be one of 'hour'"),
        (KUSTO, 'columns = { tenent = "Tenant" }', "columns.tenent: unknown key; did you mean ten"),
    ],
)  # fmt: skip
def test_fault_1_a_wrong_source_says_what_is_right_where_it_stands(tmp_path, kind, line, words):
    found = problems(tmp_path, f"{kind}{line}\n")
    here = kind.count("\n") + 1
    assert any(
        each.startswith(f"config.toml:{here}: sources[0].") and words in each for each in found
    )


@pytest.mark.parametrize("name", ["x-tenant-id", "X_Tenant.Id 2", "a", "a" * 64])
def test_a_header_has_the_name_it_has(tmp_path, name):
    line = f'tenant = [{{ carrier = "request_header", name = "{name}" }}]\n'
    assert source(tmp_path, LOGS + line).tenant[0].name == name


@pytest.mark.parametrize("name", ["a" * 65, "a'b", "a]", 'a\\"b', "a\\nb", "ä", "a/b", "a;b"])
def test_fault_92_a_name_that_could_be_more_than_a_name_is_refused(tmp_path, name):
    line = f'tenant = [{{ carrier = "request_header", name = "{name}" }}]\n'
    assert "must be a name of 1 to 64 letters, digits" in refused(tmp_path, LOGS + line)


def test_a_tenant_and_a_feature_may_each_have_a_header(tmp_path):
    found = source(
        tmp_path,
        LOGS + 'tenant = [{ carrier = "request_header", name = "x-t" }]\n'
        'feature = [{ carrier = "request_header", name = "x-f" }]\n',
    )
    assert (found.tenant[0].name, found.feature[0].name) == ("x-t", "x-f")


def test_a_query_of_ones_own_lies_beside_the_settings(tmp_path):
    found = source(tmp_path, f'{KUSTO}columns = {{ tenant = "Tenant" }}\ngrain = "day"\n')
    assert found.query == tmp_path / "usage.kql"
    assert (found.columns.mapped, found.grain) == ({"tenant": "Tenant"}, "day")


def test_the_same_calls_are_not_counted_twice(tmp_path):
    twice = LOGS + LOGS.replace('"gateway"', '"again"')
    assert refused(tmp_path, twice) == (
        "config.toml:5: sources[1]: asks for the same as sources[0]: every call would be counted "
        "twice; take one out, or give both different apis or services"
    )
    apart = f'{LOGS}apis = ["chat"]\n' + LOGS.replace('"gateway"', '"again"')
    assert "asks for the same" in refused(tmp_path, apart)
    assert len(load(tmp_path, f'{apart}apis = ["search"]\n').sources) == 2
    assert len(load(tmp_path, LOGS + METRICS + KUSTO).sources) == 3
