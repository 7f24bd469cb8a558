"""What is answered in Slack to whoever only looks."""

from __future__ import annotations

import pytest

from tests.spendwatch.installations import FIRST
from tests.spendwatch.slack.conftest import CHIEF, DAYS, OWNER, STRANGER

ACME = """\
Acme Works (acme): Sun 6 Sep $120; month to date $723 (1 to 6 Sep)
monthly budget: 8 % of $9,000 spent
monthly budget of chat: 1,080 % of $50 spent, cap reached on 1 Sep
A-1 Acme Works, feature chat: 1,080 % of $50 spent, cap reached on 1 Sep
no silence
no plan"""
SECRETS = ("bolt", "secret", "hidden", "sister", "acme-other", "evil")
"""What nobody who owns acme alone may ever read."""


def test_the_status_says_how_the_service_stands_in_a_few_lines(place):
    assert place.type("status").splitlines() == [
        "not healthy: `spendwatch run` does not run",
        "pull: gateway: 24 rows 7 Sep 06:00",
        "judged: Sun 6 Sep, may still change until 9 Sep 00:00",
        "outbox: empty",
        "next due: Sun 6 Sep is settled; the next day 8 Sep 02:00 (times in UTC)",
    ]


def test_an_owner_reads_in_the_status_of_their_tenants_alone(place):
    line = "Acme Works: Sun 6 Sep $120; month to date $723 (1 to 6 Sep)"
    assert place.type("status", OWNER) == f"{line}; 1 alert lasts"
    place.tell("bolt")
    assert place.type("Status", OWNER) == f"{line}; no alert lasts"


@pytest.mark.parametrize("person", [CHIEF, OWNER])
@pytest.mark.parametrize(
    "name", ["acme", "ACME ", "acme-prod", "Acme Works", '"acme works"', "acme\u200b"]
)
def test_a_tenant_is_found_by_its_id_an_alias_or_its_name(place, person, name):
    assert place.type(f"tenant {name}", person) == ACME


def test_a_tenant_is_told_with_its_alerts_silences_and_plans(place):
    place.tell("acme", "bolt")
    place.type("silence acme 4h load test")
    place.type("silence kind=spend-drop 2h for everybody, bolt too")
    place.type("planned acme 2026-11-28..2026-11-30 $500 migration")
    place.type("planned bolt 2026-11-28 $500 secret")
    told = place.type("tenant acme", CHIEF).splitlines()[3:]
    assert told == [
        "A-3 Acme Works: $1,284 on Sun 6 Sep, 3.9x normal",
        "S-1: alerts of acme until 7 Sep 2026 10:00 UTC (in force, by ana (U0ANA): load test)",
        "S-2: spend drop alerts until 7 Sep 2026 08:00 UTC "
        "(in force, by ana (U0ANA): for everybody, bolt too)",
        "P-1: up to $500 a day for acme from Sat 28 Nov 2026 to Mon 30 Nov 2026 "
        "(to come, by ana (U0ANA): migration)",
    ]
    told[2] = "S-2: for this tenant and others until 7 Sep 2026 08:00 UTC"
    assert place.type("tenant acme", OWNER).splitlines()[3:] == told


def test_of_a_tenant_without_anything_so_is_said(place):
    assert place.type("tenant Hidden Sister").splitlines() == [
        "Hidden Sister (acme-other): Sun 6 Sep $0; month to date $0 (1 to 6 Sep)",
        "no budget", "no alert lasts", "no silence", "no plan",
    ]  # fmt: skip


def test_a_budget_without_its_rate_says_so_and_of_no_other_tenant(place):
    rate = (
        '[[prices.exchange_rates]]\ncurrency = "EUR"\nrate = "1.10"\neffective_from = 2026-12-01\n'
    )
    config = place.place.config
    foreign = config.read_text().replace("cap = 50", 'cap = 50\ncurrency = "EUR"')
    config.write_text(foreign.replace("cap = 700", 'cap = 700\ncurrency = "EUR"') + rate)
    told = place.type("tenant acme", OWNER).splitlines()
    assert told[1].startswith("budget of acme in EUR: no exchange rate is in force on 2026-09-01")
    assert len(told) == 5
    assert "bolt" not in "".join(told)


def test_what_is_not_known_is_never_zero_dollars(place):
    place.place.now = place.place.now.replace(day=9)
    first = place.type("tenant acme").splitlines()[0]
    assert first == (
        "Acme Works (acme): Tue 8 Sep not known; month to date at least $723 "
        "(1 to 8 Sep, 2 days not known wholly)"
    )
    place.place.now = place.place.now.replace(month=12)
    first = place.type("tenant acme").splitlines()[0]
    assert first == ("Acme Works (acme): Tue 8 Dec not known; nothing known of the month so far")


def test_use_without_a_price_makes_a_lower_bound(place):
    day = FIRST.replace(day=DAYS + 1)
    header = "date,tenant,feature,model,prompt_tokens,completion_tokens,requests"
    place.place.write_day(day, ["acme,chat,unheard-of,1000,10,1"], header)
    place.place.judge(day)
    first = place.type("tenant acme").splitlines()[0]
    assert first == (
        "Acme Works (acme): Mon 7 Sep not known; month to date at least $723 "
        "(1 to 7 Sep, 1 day not known wholly)"
    )


def test_a_tenant_nobody_knows_is_answered_with_the_nearest(place):
    assert place.type("tenant bolt-prodd").splitlines() == [
        "no tenant of yours is called bolt-prodd; did you mean bolt-prod?",
        "like: /spendwatch tenant contoso",
    ]
    assert place.type("tenant").splitlines()[1] == "like: /spendwatch tenant contoso"


@pytest.mark.parametrize(
    "name", ["bolt", "Bolt Secret", "bolt-prod", "hidden sister", "acme-other", "nobody at all"]
)
@pytest.mark.parametrize("form", ["tenant {}", 'silence "{}" 4h x', 'planned "{}" 2026-12-01 1 x'])
def test_another_ones_tenant_is_refused_like_one_that_is_unknown(place, name, form, capsys):
    known, unknown = (
        place.type(form.format(each), OWNER).replace(each, "NAME") for each in (name, "zzzzzz")
    )
    nearest = "; did you mean acme-prod?" if name == "acme-other" else ""
    assert known == unknown.replace("is called NAME", f"is called NAME{nearest}")
    assert "like: /spendwatch " in known
    assert place.listed(capsys, "silence") == place.listed(capsys, "planned") == []


LOOKING = ["", "help", "status", "tenant acme", "tenant", "tenant evi", "alerts", "silence list",
           "silence list all", "planned list", "planned list all", "silence end 1",
           "silence end 2", "planned end 1", "silence preview acme 4h x", "silence acm 4h x",
           "silence b* 4h x", "silence kind=spend-spike 4h x", "what"]  # fmt: skip


def test_an_owner_of_one_tenant_never_reads_the_name_of_another(place):
    place.tell("acme", "bolt", "acme-other")
    place.type("silence bolt 4h secret")
    place.type("silence b*,kind=spend-drop 4h secret")
    place.type("planned bolt 2026-12-01 $5 secret")
    for text in LOOKING:
        said = place.type(text, OWNER).casefold()
        assert [each for each in SECRETS if each in said] == [], text


def test_alerts_that_last_are_listed_the_open_ones_first(place):
    place.place.run("alerts", "ack", "2")
    first, second = place.type("alerts").splitlines()
    assert first == place.type("alerts", OWNER) == ACME.splitlines()[3]
    assert second.startswith("A-2 Bolt Secret: acknowledged, 666 % of $700 spent")
    place.tell("bolt")
    assert place.type("alerts", OWNER) == "no alert lasts"
    assert place.type("alerts").startswith("A-3 Bolt Secret: $1,284 on ")


def test_of_many_lines_the_first_are_shown_and_the_rest_counted(place):
    place.tell(*(f"tenant-{number}" for number in range(30)))
    told = place.type("alerts").splitlines()
    assert (len(told), told[-1]) == (21, "… and 10 more")


@pytest.mark.parametrize("text", LOOKING)
def test_whoever_may_answer_nothing_learns_nothing(place, text):
    said = "you may not ask that here; slack.may_answer names who may (you are U0NEW)"
    assert place.type(text, STRANGER) == said


def test_help_has_an_example_of_each_for_a_tenant_of_theirs(place):
    told = place.type("", OWNER).splitlines()
    assert told == place.type("help", OWNER).splitlines()
    assert "/spendwatch tenant acme – its spend, budgets, alerts, silences and plans" in told
    assert len(told) == 9
    unknown = place.type("statsu <!here>", OWNER).splitlines()
    assert unknown == ["there is no /spendwatch statsu; did you mean status?", *told]
