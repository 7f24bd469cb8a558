"""Settings of sources in Azure, for the tests of what is built of them."""

from __future__ import annotations

WORKSPACE = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"
INSIGHTS = (
    f"/subscriptions/{WORKSPACE}/resourceGroups/rg-ai/providers/microsoft.insights/components/apim"
)
LOGS = f"""
[[sources]]
kind = "azure_logs"
name = "gateway"
workspace_id = "{WORKSPACE}"
"""
METRICS = f"""
[[sources]]
kind = "azure_metrics"
name = "metrics"
workspace_id = "{WORKSPACE}"
"""
CLASSIC = METRICS.replace(f'workspace_id = "{WORKSPACE}"', f'application_insights = "{INSIGHTS}"')
KUSTO = f"""
[[sources]]
kind = "kusto_query"
name = "own"
workspace_id = "{WORKSPACE}"
query = "usage.kql"
"""
BY_FILE = 'tenant = [{ carrier = "subscription", file = "subscriptions.csv" }]\n'
FINOPS = """
[[receivers]]
kind = "console"
name = "desk"
digest = "off"
[alerts]
receiver = "desk"
"""
