"""Routes in the settings: what is refused, what is warned of, who is told."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from detector.model import FindingKind, Severity
from spendwatch import conversion
from spendwatch.directory import build_directory
from spendwatch.settings_warnings import find_warnings
from tests.spendwatch.config_files import load, problems

NOW = datetime(2026, 11, 13, 6, tzinfo=UTC)
ACME = """
[[tenants]]
id = "acme"
aliases = ["acme-old"]
owner = "Ana"
cost_centre = "CC-1"
receiver = "desk"
[[tenants]]
id = "bolt"
"""
DESK = "".join(
    f'[[receivers]]\nkind = "console"\nname = "{name}"\n' for name in ("desk", "on-call", "unused")
)


def route(*matchers, receiver="on-call"):
    return "\n".join(("[[routes]]", *matchers, f'receiver = "{receiver}"')) + "\n"


def routes_in(tmp_path, *texts):
    return build_directory(load(tmp_path, ACME + DESK + "".join(texts))).routes


def warned(tmp_path, *texts):
    found = find_warnings(load(tmp_path, ACME + DESK + "".join(texts)), NOW)
    return [(problem.key, problem.text) for problem in found]


def test_a_route_is_taken_from_the_settings_with_its_tenant_as_it_is_called_now(tmp_path):
    matchers = 'tenant = "Acme-Old"', 'kind = "spend-spike"', 'severity = "warning"'
    (found,) = routes_in(tmp_path, route(*matchers, 'cost_centre = "CC-1"')).routes
    assert (found.tenant, found.kind, found.severity) == (
        "acme",
        FindingKind.SPEND_SPIKE,
        Severity.WARNING,
    )
    assert (found.cost_centre, found.receiver) == ("CC-1", "on-call")


def test_a_pattern_is_no_alias(tmp_path):
    (found,) = routes_in(tmp_path, route('tenant = "ACME-*"')).routes
    assert found.tenant == "acme-*"


def test_who_names_no_receiver_has_none_of_its_own(tmp_path):
    routes = routes_in(tmp_path)
    assert (routes.default, routes.receivers) == ("finops", {"acme": "desk"})


def test_owners_are_those_of_the_settings(tmp_path):
    assert build_directory(load(tmp_path, ACME + DESK)).owners == {"acme": "Ana"}


def test_a_digest_goes_to_every_receiver_that_a_route_a_tenant_or_the_default_names(tmp_path):
    settings = load(tmp_path, ACME + DESK + route('severity = "critical"'))
    assert conversion.digest_schedules(settings).keys() == {"finops", "desk", "on-call"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (route('severity = "critical"', receiver="on-cal"), "receiver: no receiver is called "),
        (route('severity = "critical"', receiver="on-cal"), "; did you mean on-call?"),
        (route(), "must name a tenant, a kind, a severity or a cost_centre; for everything else"),
        ('[[routes]]\nkind = "spend spike"\n', "receiver: is required"),
        (route('severity = "loud"'), "severity: "),
        (route('kind = "spend spikes"'), "did you mean spend spike?"),
        (route('tenants = "acme"'), "unknown key; did you mean tenant?"),
    ],
)
def test_fault_8_a_route_that_cannot_be_followed_is_refused(tmp_path, text, words):
    (problem,) = problems(tmp_path, ACME + DESK + text)
    assert problem.startswith("config.toml:")
    assert "routes[0]" in problem
    assert words in problem


def test_routes_that_all_decide_about_something_give_no_warning(tmp_path):
    more = route('tenant = "acme"', 'severity = "critical"'), route('severity = "critical"')
    assert warned(tmp_path, *more, route('cost_centre = "CC-1"'), route('tenant = "b*"')) == []


def test_a_route_that_is_never_reached_is_named_with_the_one_that_takes_it_all(tmp_path):
    first, never = route('severity = "warning"'), route('tenant = "acme"', 'severity = "critical"')
    assert warned(tmp_path, first, never) == [
        (
            ("routes", 1),
            "is never reached: routes[0] takes all that it matches; write it before that one",
        )
    ]


def test_a_cost_centre_that_no_tenant_has_is_named_with_the_nearest(tmp_path):
    assert warned(tmp_path, route('cost_centre = "CC-2"')) == [
        (
            ("routes", 0, "cost_centre"),
            "no tenant has the cost centre 'CC-2': the route is for nobody; did you mean CC-1?",
        )
    ]


def test_a_tenant_of_a_route_that_the_settings_do_not_know_is_named(tmp_path):
    ((key, words),) = warned(tmp_path, route('tenant = "acnne"'))
    assert key == ("routes", 0, "tenant")
    assert "no tenant in these settings fits 'acnne'" in words
    assert words.endswith("did you mean acme?")
