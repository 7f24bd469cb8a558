import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.model import (
    EVERYONE,
    MICRO,
    UNATTRIBUTED,
    Driver,
    Finding,
    FindingKind,
    Judgement,
    Severity,
    normalise_tenant,
)
from tests.detector.histories import TODAY

HOSTILE = (
    "<!channel>", "<@U1>", "*b*", "<script>", "=HYPERLINK()", "' or 1=1", '"; drop', "{{7*7}}",
    "%0d%0aBcc:", "\N{PILE OF POO}" * 300, "\u202eevil", "z\u0351\u0351\u0351", "x" * 10_000,
)  # fmt: skip


@pytest.mark.parametrize(
    "spelling",
    ["contoso", " Contoso\t", "CONTOSO", "con\u200btoso", "ｃｏｎｔｏｓｏ", "\u202econtoso\x00"],
)
def test_fault_32_one_tenant_under_many_spellings(spelling):
    assert normalise_tenant(spelling) == "contoso"


@pytest.mark.parametrize("nothing", ["", " \t\u00a0", "\u200b\u202e\ufeff", "\ud800"])
def test_fault_29_a_tenant_without_a_name_is_unattributed(nothing):
    assert normalise_tenant(nothing) == UNATTRIBUTED


@pytest.mark.parametrize("name", HOSTILE)
def test_fault_92_hostile_names_keep_no_invisible_character_and_a_bounded_length(name):
    tenant = normalise_tenant(name)
    assert 0 < len(tenant) <= 200
    assert not {unicodedata.category(char) for char in tenant} & {"Cc", "Cf", "Cs"}
    assert normalise_tenant(tenant) == tenant


def test_fault_92_lines_cannot_be_broken_by_a_name():
    assert normalise_tenant("a\r\nBcc:\u2028b\x85c") == "a bcc: b c"


def test_fault_32_an_accent_parted_by_an_invisible_character_is_the_same_letter():
    assert normalise_tenant("Cafe\u200d\u0301") == normalise_tenant("Café") == "café"


def test_a_cut_name_does_not_end_with_a_space():
    assert normalise_tenant("a" * 199 + " b") == "a" * 199


def test_normalising_any_character_of_the_basic_plane_twice_changes_nothing():
    for code in range(0xFFFF):
        once = normalise_tenant(f"a{chr(code)}\u0345\u0301")
        assert normalise_tenant(once) == once


@settings(deadline=None)
@given(st.text())
def test_normalising_twice_changes_nothing(raw):
    once = normalise_tenant(raw)
    assert once
    assert normalise_tenant(once) == normalise_tenant(f" {once}\n") == once


def test_a_driver_and_a_finding_say_what_changed():
    driver = Driver("chat", "gpt-4o", 2, 7, 4, 0, 1)
    finding = Finding(FindingKind.SPEND_SPIKE, TODAY, Severity.WARNING)
    told = Finding(
        FindingKind.SPEND_SPIKE,
        TODAY,
        Severity.WARNING,
        expected_micro_usd=MICRO,
        actual_micro_usd=3 * MICRO,
    )
    assert driver.change_micro_usd == 5
    assert (finding.excess_micro_usd, told.excess_micro_usd) == (0, 2 * MICRO)
    assert finding.facts == {}


@pytest.mark.parametrize(("whom", "judged"), [("acme", False), (EVERYONE, False), ("bolt", True)])
def test_what_was_not_judged_for_a_tenant_or_for_everyone_is_not_judged(whom, judged):
    judgement = Judgement(TODAY, unjudged=frozenset({(FindingKind.SPEND_DROP, whom)}))
    assert judgement.judged(FindingKind.SPEND_DROP, "acme") is judged
    assert judgement.judged(FindingKind.SPEND_SPIKE, "acme")
