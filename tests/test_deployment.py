"""What docs/ offers for running the service is what the image and the program understand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from spendwatch.cli import app
from spendwatch.exits import BUSY, WRONG_SETTINGS
from spendwatch.settings import Settings
from spendwatch.settings_environment import CONFIG_VARIABLE, SECRET_FILES, variable_names

ROOT = Path(__file__).parents[1]
COMMANDS = {command.name or command.callback.__name__ for command in app.registered_commands}
VARIABLES = {*variable_names(Settings), CONFIG_VARIABLE, *SECRET_FILES}
LONGEST_END_S = 15


def dockerfile():
    """The instructions of the image that runs, by name; what is said twice stands in one list."""
    stage = (ROOT / "Dockerfile").read_text().split("\nFROM ")[-1].replace("\\\n", " ")
    found = {}
    for name, words in re.findall(r"^([A-Z]+) +(.+)$", stage, re.MULTILINE):
        found.setdefault(name, []).append(" ".join(words.split()))
    return found


def compose():
    return yaml.safe_load((ROOT / "docs/compose.yaml").read_text())


def unit():
    """The settings of the service, those that are said several times joined."""
    found = {}
    for line in (ROOT / "docs/spendwatch.service").read_text().splitlines():
        name, is_setting, value = line.partition("=")
        if is_setting and not line.startswith("#"):
            found[name] = f"{found.get(name, '')} {value}".strip()
    return found


def test_both_stages_of_the_image_stand_on_one_base_that_has_a_tag():
    text = (ROOT / "Dockerfile").read_text()
    assert re.search(r"^ARG BASE=python:3\.\d+-slim-\w+$", text, re.MULTILINE)
    assert re.findall(r"^FROM (\S+)", text, re.MULTILINE) == ["${BASE}", "${BASE}"]


def test_the_image_runs_the_service_as_nobody_special_and_ends_it_politely():
    image = dockerfile()
    assert image["USER"] == ["10001:10001"]
    assert image["VOLUME"] == ["/data"]
    assert (image["ENTRYPOINT"], image["CMD"]) == (['["spendwatch"]'], ['["run"]'])
    assert image["STOPSIGNAL"] == ["SIGTERM"]
    assert image["HEALTHCHECK"][0].endswith('CMD ["spendwatch", "health"]')
    assert {"run", "health"} <= COMMANDS


def test_the_compose_file_gives_the_service_no_more_than_it_needs():
    service = compose()["services"]["spendwatch"]
    assert service["read_only"] is True
    assert service["tmpfs"] == ["/tmp"]  # noqa: S108 - the mount is what is tested
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["healthcheck"]["test"] == ["CMD", "spendwatch", "health"]
    assert int(service["stop_grace_period"].removesuffix("s")) > LONGEST_END_S
    assert "ports" not in service


@pytest.mark.parametrize("name", ["spendwatch", "database"])
def test_the_compose_file_takes_secrets_from_files_and_checks_health(name):
    whole = compose()
    service = whole["services"][name]
    given = [each for each in service["environment"] if each.endswith("_FILE")]
    assert [service["environment"][each] for each in given] == [
        f"/run/secrets/{secret}" for secret in service["secrets"]
    ]
    assert set(service["secrets"]) <= whole["secrets"].keys()
    assert service["read_only"] is True
    assert {"test", "interval", "timeout", "retries", "start_period"} <= service[
        "healthcheck"
    ].keys()


def test_the_compose_file_mounts_only_volumes_it_declares_and_the_settings():
    whole = compose()
    sources = {
        mount.split(":")[0] for each in whole["services"].values() for mount in each["volumes"]
    }
    assert sources - whole["volumes"].keys() == {"./config.toml"}
    assert whole["networks"]["default"] == {"internal": True}


def test_the_service_is_started_again_unless_only_somebody_can_help():
    service = unit()
    assert service["Restart"] == "on-failure"
    assert service["RestartPreventExitStatus"].split() == [str(BUSY), str(WRONG_SETTINGS)]
    assert service["KillSignal"] == "SIGTERM"
    assert int(service["TimeoutStopSec"]) > LONGEST_END_S
    assert service["ExecStart"].split() == ["/opt/spendwatch/bin/spendwatch", "run"]


def test_the_service_may_write_its_state_and_nothing_else():
    service = unit()
    assert service["ProtectSystem"] == "strict"
    assert service["StateDirectory"] == "spendwatch"
    assert service["NoNewPrivileges"] == "yes"
    assert service["CapabilityBoundingSet"] == ""
    assert service["User"] == "spendwatch"


@pytest.mark.parametrize(
    "file", ["Dockerfile", "docs/compose.yaml", "docs/spendwatch.service", "docs/deployment.md"]
)
def test_every_variable_that_is_set_is_one_the_program_reads(file):
    text = (ROOT / file).read_text()
    assert set(re.findall(r"\bSPENDWATCH_[A-Z_]+", text)) - VARIABLES == set()


def test_the_trial_runs_the_image_with_the_options_the_documentation_names():
    trial = (ROOT / ".ci/try-image").read_text()
    page = (ROOT / "docs/deployment.md").read_text()
    options = (
        "--read-only", "--tmpfs /tmp", "--cap-drop=all", "no-new-privileges", "--memory 256m",
    )  # fmt: skip
    assert [each for each in options if each not in trial or each not in page] == []
