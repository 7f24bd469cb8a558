from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from detector.model import UNATTRIBUTED
from spendwatch.directory import build_directory
from tests.spendwatch.config_files import load

ACME = """
[service]
time_zone = "Europe/Berlin"

[[tenants]]
id = "Acme "
name = "Acme Corp"
aliases = ["ACME GmbH", "acme-old"]
time_zone = "Asia/Tokyo"

[[tenants]]
id = "bolt"
"""


@pytest.fixture
def directory(tmp_path):
    return build_directory(load(tmp_path, ACME))


@pytest.mark.parametrize("stored", ["acme", "acme gmbh", "acme-old"])
def test_fault_30_every_alias_leads_to_the_tenant(directory, stored):
    assert directory.canonical(stored) == "acme"


def test_a_tenant_nobody_configured_is_itself(directory):
    assert directory.canonical("corp") == "corp"


@pytest.mark.parametrize("stored", ["unknown", "none", "-", "n/a", UNATTRIBUTED])
def test_fault_29_what_a_gateway_writes_for_no_tenant_is_unattributed(directory, stored):
    assert directory.canonical(stored) == UNATTRIBUTED


def test_an_alias_lives_in_its_tenants_time_zone(directory):
    assert directory.zone_of("acme gmbh") == ZoneInfo("Asia/Tokyo")


@pytest.mark.parametrize("tenant", ["bolt", "corp", UNATTRIBUTED])
def test_everybody_else_lives_in_the_services_time_zone(directory, tenant):
    assert directory.zone_of(tenant) == ZoneInfo("Europe/Berlin")


def test_all_time_zones_in_use_are_known(directory):
    assert directory.every_zone() == {ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Tokyo")}


def test_names_are_those_of_the_settings(directory):
    assert directory.names["acme"] == "Acme Corp"
    assert directory.names.get("corp") is None


def test_findings_of_nobody_in_particular_go_to_the_default_receiver(directory):
    assert directory.routes.default == "finops"
