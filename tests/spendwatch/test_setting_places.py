"""What is to be pasted into config.toml goes where it says, and has the effect it says."""

from __future__ import annotations

import pytest

from detector.model import MICRO
from spendwatch import conversion
from spendwatch.setting_places import place_for_everyone, place_for_tenant
from spendwatch.settings import load_settings
from spendwatch.toml_lines import key_lines

HEAD = '[[receivers]]\nkind = "console"\nname = "desk"\n[alerts]\nreceiver = "desk"\n'


def paste(text, place):
    """Do what a person does."""
    lines = text.split("\n")
    at = place.line or len(lines)
    lines[at - 1 if place.replaces else at : at] = place.lines
    return "\n".join(lines)


def rules_of(folder, text, tenant=""):
    """The rules that hold for a tenant; by default for everybody."""
    file = folder / "config.toml"
    file.write_text(HEAD + text, encoding="utf-8")
    book = conversion.rule_book(load_settings(file, {}))
    return book.of(tenant) if tenant else book.everyone


def pasted(folder, text, place, tenant=""):
    return rules_of(folder, paste(HEAD + text, place).removeprefix(HEAD), tenant)


EVERYBODYS = [
    "",
    "[detection]\nz = 4.0\n",
    "[detection]\n# bar = 0.0\nz = 4.0\n[answers]\nfalse_alarm_days = 3\n",
    "[detection]\nz = 4.0\nbar = -1.0  # once\n",
    "detection = { bar = -1.0, z = 4.0 }\n",
    "detection.z = 4.0\n",
    "detection.bar = -1.0\ndetection.z = 4.0\n",
]


@pytest.mark.parametrize("text", EVERYBODYS)
def test_a_setting_of_everybody_holds_once_it_is_pasted_and_the_others_stay(tmp_path, text):
    # What stands before any table must stay there.
    whole = text + HEAD if text.startswith("detection") else HEAD + text
    place = place_for_everyone(whole, "bar", "0.5")
    file = tmp_path / "config.toml"
    file.write_text(paste(whole, place), encoding="utf-8")
    rules = conversion.rule_book(load_settings(file, {})).everyone
    assert rules.bar == 0.5
    assert rules.z == (4.0 if "z = 4.0" in text else 3.0)


TENANTS = [
    '[[tenants]]\nid = "acme"\nowner = "Ana"\n[[tenants.budgets]]\ncap = 900\n',
    '[[tenants]]\nid = "bolt"\n[[tenants]]\nowner = "Ana"\nid = "Acme"\n',
    '[[tenants]]\nid = "acme"\ndetection = { z = 4.0, first_spend_usd = "off" }  # quiet\n',
    '[[tenants]]\nid = "acme"\ndetection = { z = 4.0, min_excess_usd = "12.50" }\n',
    '[[tenants]]\nid = "acme"\n[[tenants.budgets]]\ncap = 900\n[tenants.detection]\nz = 4.0\n',
    '[[tenants]]\nid = "acme"\n[tenants.detection]\nmin_excess_usd = 7\nz = 4.0\n',
    '[[tenants]]\nid = "acme"\ndetection.z = 4.0\n',
    '[[tenants]]\nid = "bolt"\ndetection = { z = 9.0 }\n',
    "",
]


@pytest.mark.parametrize("text", TENANTS)
def test_a_setting_of_a_tenant_holds_for_it_alone_once_it_is_pasted(tmp_path, text):
    place = place_for_tenant(HEAD + text, "acme", "min_excess_usd", "44")
    rules = pasted(tmp_path, text, place, "acme")
    assert rules.min_excess_micro_usd == 44 * MICRO
    assert rules.z == (4.0 if "z = 4.0" in text else 3.0)
    assert rules.first_spend_micro_usd == (None if '"off"' in text else 50 * MICRO)
    for other in ("", "bolt"):
        assert pasted(tmp_path, text, place, other) == rules_of(tmp_path, text, other)


def test_an_alias_is_the_tenant_it_stands_for(tmp_path):
    text = '[[tenants]]\nid = "acme-prod"\n'
    place = place_for_tenant(
        HEAD + text, "acme", "bar", "0.5", canonical=lambda tenant: tenant.removesuffix("-prod")
    )
    assert place.line == key_lines(HEAD + text)["tenants", 0, "id"]


def test_a_tenant_that_was_not_listed_keeps_its_name(tmp_path):
    place = place_for_tenant(HEAD, "acme", "bar", "0.5", name='Acme "Süd"')
    assert place.lines == (
        "", "[[tenants]]", 'id = "acme"', 'name = "Acme \\"Süd\\""', "detection = { bar = 0.5 }",
    )  # fmt: skip
    (tmp_path / "config.toml").write_text(paste(HEAD, place), encoding="utf-8")
    (acme,) = load_settings(tmp_path / "config.toml", {}).tenants
    assert (acme.id, acme.name, acme.detection.bar) == ("acme", 'Acme "Süd"', 0.5)


LIST = 'tenants = [\n  { id = "bolt" },\n  { id = "acme", detection = { z = 4.0 } },\n]\n'


def test_in_a_list_of_tenants_it_says_what_belongs_into_the_entry():
    listed = place_for_tenant(LIST + HEAD, "acme", "bar", "0.5")
    assert listed.lines == ("detection = { z = 4.0, bar = 0.5 }",)
    assert listed.words("config.toml") == "into the entry of config.toml:3"
    assert place_for_tenant(LIST + HEAD, "bolt", "bar", "0.5").lines == (
        "detection = { bar = 0.5 }",
    )


def test_a_list_of_tenants_takes_one_more(tmp_path):
    place = place_for_tenant(LIST + HEAD, "corp", "bar", "0.5")
    assert place.words("config.toml") == "below config.toml:1"
    (tmp_path / "config.toml").write_text(paste(LIST + HEAD, place), encoding="utf-8")
    tenants = load_settings(tmp_path / "config.toml", {}).tenants
    assert {each.id: each.detection.bar for each in tenants} == {
        "acme": 0.0, "bolt": 0.0, "corp": 0.5,
    }  # fmt: skip


def test_where_the_environment_wins_over_the_file_it_says_so():
    variable = "SPENDWATCH_DETECTION__BAR"
    place = place_for_everyone(HEAD, "bar", "0.5", {variable: "0"})
    assert place.lines == (f"{variable}=0.5",)
    assert (
        place.words("config.toml") == f"{variable} is set and wins over config.toml; set it instead"
    )
    assert not place_for_everyone(HEAD, "bar", "0.5", {"SPENDWATCH_DETECTION__Z": "4"}).variable


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "at the end of config.toml"),
        ("[detection]\n", "below config.toml:6"),
        ("[detection]\nbar = 1\n", "in place of config.toml:7"),
    ],
)
def test_a_place_is_said_in_words(text, words):
    assert place_for_everyone(HEAD + text, "bar", "0.5").words("config.toml") == words
