"""The scope of a call: spilled over, by a rule, or the source's own."""

from __future__ import annotations

import pytest

from detector.sources.scopes import ScopeRule, ScopeRules

RULES = ScopeRules(
    "global",
    "datazone",
    (ScopeRule("ptu", backend="ptu-*"), ScopeRule("eu", backend="*", deployment="*-eu")),
)


@pytest.mark.parametrize(
    ("backend", "deployment", "scope"),
    [
        ("ptu-east", "gpt-4o", "ptu"),
        ("PTU-East", "gpt-4o-eu", "ptu"),
        ("paygo", "gpt-4o-EU", "eu"),
        ("paygo", "gpt-4o", "global"),
        ("", "", "global"),
    ],
)
def test_the_first_rule_that_fits_gives_the_scope(backend, deployment, scope):
    assert RULES.scope_of(backend, deployment) == scope


def test_what_was_spilled_over_is_billed_elsewhere_whatever_the_backend_is_called():
    assert RULES.scope_of("ptu-east", "gpt-4o", spilled=True) == "datazone"


def test_the_backend_is_only_asked_for_where_a_rule_needs_it():
    assert RULES.by_backend
    assert not ScopeRules("global", "", (ScopeRule("eu", deployment="*-eu"),)).by_backend


def test_a_rule_that_fits_everything_is_refused():
    with pytest.raises(ValueError, match="needs a pattern: backend or deployment"):
        ScopeRule("ptu")
