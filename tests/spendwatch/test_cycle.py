"""The full cycle on real files and a real database: pull, price, store, judge, tell."""

from __future__ import annotations

from datetime import timedelta

import pytest

from alerts import store
from alerts.model import AlertState, Verb, Verdict
from alerts.replies import Answer, answer
from detector.model import FindingKind
from spendwatch import conversion
from spendwatch.db import reading, writing
from tests.spendwatch.installations import CONFIG, FIRST, Installation

SPIKE = FIRST + timedelta(days=35)


def day(step):
    return FIRST + timedelta(days=step)


@pytest.fixture(scope="module")
def lived(tmp_path_factory):
    """What `steady` is a copy of."""
    place = Installation(tmp_path_factory.mktemp("lived"))
    place.write_days(35, 100)
    place.judge(day(34))
    assert place.read() == ""
    return place


@pytest.fixture
def steady(lived, tmp_path):
    """35 steady days of acme at about $100, all judged but told nothing."""
    return lived.copy(tmp_path / "steady")


def alerts_of(place, **filters):
    with reading(place.app().engine) as session:
        return store.list_alerts(session, **filters)


def dismiss(place, number, verdict):
    app = place.app()
    with writing(app.engine) as session:
        taught = conversion.teaching(app.settings)
        given = Answer(Verb.DISMISS, "ana", verdict)
        return answer(session, number, given, app.clock(), taught).words


def test_a_spike_is_told_once_with_its_cause(steady):
    steady.write_day(SPIKE, ["acme,chat,gpt-4o,400", "acme,search,gpt-4o,5"])
    steady.judge(SPIKE)
    words = steady.read()
    assert words.count("acme: $405") == 1
    assert "gpt-4o in chat +$300" in words
    assert "spendwatch alerts ack 1" in words


def test_running_the_same_day_twice_tells_nothing_twice(steady):
    steady.write_day(SPIKE, ["acme,chat,gpt-4o,400"])
    steady.judge(SPIKE)
    steady.read()
    again = steady.judge(SPIKE)
    assert steady.read() == ""
    assert again.delivered.sent == 0
    assert sum(report.revised + report.zeroed for report in again.pulls) == 0


def test_fault_39_a_spike_of_ten_days_is_one_alert(steady):
    for step in range(35, 45):
        steady.write_day(day(step), ["acme,chat,gpt-4o,400"])
        steady.judge(day(step))
    told = steady.read()
    assert told.count("A-1, spend spike, open") == 2
    assert told.count("[warning] acme: still unanswered, ") == 1
    assert len(alerts_of(steady, kind=FindingKind.SPEND_SPIKE)) == 1


def test_two_normal_days_resolve_the_alert_and_say_so(steady):
    steady.write_day(SPIKE, ["acme,chat,gpt-4o,400"])
    steady.judge(SPIKE)
    steady.read()
    for step in (36, 37):
        steady.write_day(day(step), ["acme,chat,gpt-4o,100"])
        steady.judge(day(step))
    assert "acme: resolved" in steady.read()
    assert alerts_of(steady)[0].state is AlertState.RESOLVED


def test_fault_36_a_dismissed_spike_stays_out_of_the_next_baseline(steady):
    steady.write_day(SPIKE, ["acme,chat,gpt-4o,1000"])
    steady.judge(SPIKE)
    dismiss(steady, 1, Verdict.EXPECTED)
    for step in (36, 37):
        steady.write_day(day(step), ["acme,chat,gpt-4o,100"])
        steady.judge(day(step))
    steady.read()
    steady.write_day(day(38), ["acme,chat,gpt-4o,160"])
    steady.judge(day(38))
    words = steady.read()
    assert "acme: $160" in words
    assert "1 left out" in words


def test_a_spike_nobody_answered_hides_the_smaller_one_after_it(steady):
    for step, cost in ((35, 1000), (36, 100), (37, 100), (38, 160)):
        steady.write_day(day(step), [f"acme,chat,gpt-4o,{cost}"])
        steady.judge(day(step))
    assert "acme: $160" not in steady.read()


def test_fault_22_late_data_is_a_new_version_judged_again_and_told_as_revised(steady):
    steady.write_day(SPIKE, ["acme,chat,gpt-4o,200"])
    steady.judge(SPIKE)
    steady.read()
    steady.write_day(SPIKE, ["acme,chat,gpt-4o,390"])
    steady.write_day(day(36), ["acme,chat,gpt-4o,100"])
    cycle = steady.judge(day(36))
    words = steady.read()
    assert [judged.judgement.day for judged in cycle.judged] == [SPIKE, day(36)]
    assert "$200" in words
    assert "$390" in words
    assert len(alerts_of(steady)) == 1


def test_fault_22_a_day_revised_to_normal_withdraws_its_alert_openly(steady):
    steady.write_day(SPIKE, ["acme,chat,gpt-4o,200"])
    steady.judge(SPIKE)
    steady.read()
    steady.write_day(SPIKE, ["acme,chat,gpt-4o,101"])
    steady.judge(day(36))
    assert "$101" in steady.read()
    assert alerts_of(steady, kind=FindingKind.SPEND_SPIKE)[0].ended


def test_fault_23_an_empty_source_is_one_finding_and_no_drop_for_anybody(steady):
    steady.write_day(SPIKE, [])
    steady.judge(SPIKE)
    words = steady.read()
    assert words.count("source stale") == 1
    assert "spend drop" not in words
    assert [alert.kind for alert in alerts_of(steady)] == [FindingKind.SOURCE_STALE]


def test_a_source_that_fails_is_told_and_the_cycle_goes_on(steady):
    for file in steady.usage.iterdir():
        file.unlink()
    steady.usage.rmdir()
    cycle = steady.judge(SPIKE)
    assert len(cycle.failures) == 1
    assert "source failing" in steady.read()


def test_fault_29_use_without_a_tenant_has_its_own_finding(steady):
    steady.write_day(SPIKE, ["acme,chat,gpt-4o,100", ",chat,gpt-4o,20", "unknown,chat,gpt-4o,20"])
    steady.judge(SPIKE)
    words = steady.read()
    assert words.count("attribution gap") == 1
    assert "29 %" in words
    assert "$40" in words


def test_fault_30_a_renamed_tenant_keeps_its_history_by_its_alias(tmp_path):
    place = Installation(tmp_path, extra='[[tenants]]\nid = "nova"\naliases = ["acme"]\n')
    place.write_days(35, 100)
    place.write_day(SPIKE, ["nova,chat,gpt-4o,100"])
    place.judge(SPIKE)
    assert place.read() == ""


def test_fault_10_an_unpriced_model_is_told_once_and_its_cost_is_unknown(steady, capsys):
    tokens = "date,tenant,model,prompt_tokens,completion_tokens"
    steady.write_day(SPIKE, ["acme,gpt-99,1000,100"], header=tokens)
    steady.judge(SPIKE)
    assert steady.read().count("unpriced model") == 1
    sums = steady.json(capsys, "costs", "--by", "model", "--from", str(SPIKE), "--to", str(SPIKE))
    assert [(each["model"], each["micro_usd"], each["unpriced_tokens"]) for each in sums] == [
        ("gpt-99", 0, 1100)
    ]


def test_rejected_rows_are_counted_kept_and_told_once(steady):
    steady.write_day(SPIKE, ["acme,chat,gpt-4o,100", "acme,chat,gpt-4o,lots"])
    steady.judge(SPIKE)
    words = steady.read()
    assert words.count("rejected usage") == 1
    assert f"{SPIKE}.csv line 3" in words


HOSTILE = [
    "<!channel>",
    "<script>alert(1)</script>",
    "=HYPERLINK()",
    "' or 1=1",
    '"; drop',
    "{{7*7}}",
    "%0d%0aBcc: x",
    "\N{RIGHT-TO-LEFT OVERRIDE}gnp",
    "\x1b[31mred",
    "a\nb",
    "\N{GRINNING FACE}" * 70,
]


@pytest.mark.parametrize("name", HOSTILE)
def test_fault_92_a_hostile_tenant_is_judged_and_told_like_any_other(tmp_path, capsys, name):
    place = Installation(tmp_path)
    place.write_days(20, 100)
    quoted = '"' + name.replace('"', '""') + '"'
    place.write_day(day(20), [f"{quoted},chat,gpt-4o,80", "acme,chat,gpt-4o,100"])
    place.judge(day(20))
    words = place.read()
    assert words.count("spend spike, open") == 1
    assert "\x1b" not in words
    assert "\N{RIGHT-TO-LEFT OVERRIDE}" not in words
    assert place.run("alerts", "list") == 0
    assert place.run("tenants") == 0
    assert "\x1b" not in capsys.readouterr().out


def test_fault_38_a_huge_z_on_two_cents_is_not_told(tmp_path):
    place = Installation(tmp_path)
    place.write_days(35, 0.001)
    place.write_day(SPIKE, ["acme,chat,gpt-4o,0.02"])
    place.judge(SPIKE)
    assert place.read() == ""


def test_fault_11_a_new_price_is_told_as_one_and_makes_no_spike(tmp_path):
    rates = """
[[prices.rates]]
tenant = "acme"
model = "gpt-4o"
effective_from = {}
input = "{}"
output = "{}"
"""
    cheap, dear = rates.format(FIRST, 1, 1), rates.format(SPIKE, 20, 20)
    place = Installation(tmp_path, extra=cheap + dear)
    header = "date,tenant,feature,model,prompt_tokens,completion_tokens"
    for step in range(36):
        wobble = step % 3 * 1_000_000
        place.write_day(day(step), [f"acme,chat,gpt-4o,{90_000_000 + wobble},10000000"], header)
        if step >= 34:
            place.judge(day(step))
    words = place.read()
    assert "price change" in words
    assert "spend spike" not in words


def test_fault_11_a_back_dated_price_makes_new_versions_told_as_a_price_change(tmp_path, capsys):
    place = Installation(tmp_path)
    header = "date,tenant,feature,model,prompt_tokens,completion_tokens"
    for step in range(35):
        place.write_day(day(step), [f"acme,chat,gpt-4o,{1_000_000 + step % 3},100000"], header)
    place.judge(day(34))
    place.read()
    place.config.write_text(
        CONFIG + f'[[prices.rates]]\ntenant = "acme"\nmodel = "gpt-4o"\ninput = "25"\n'
        f'output = "100"\neffective_from = {day(20)}\n'
    )
    place.judge(day(34))
    words = place.read()
    assert words.count("price change") == 1
    assert "spend spike" not in words
    revised = place.json(capsys, "costs", "--revised", "--from", str(FIRST), "--to", str(day(34)))
    assert {each["cause"] for each in revised} == {"price"}
    assert len(revised) == 15


def test_a_hole_in_the_baseline_is_pulled_again_by_the_next_cycle(tmp_path):
    place = Installation(tmp_path)
    place.write_days(35, 100)
    place.judge(day(20))
    cycle = place.judge(day(34))
    assert cycle.pulls[0].days == {day(step) for step in range(21, 35)}


def test_days_missed_while_it_was_down_are_judged_in_order(steady):
    for step, cost in ((35, 100), (36, 5000), (37, 100)):
        steady.write_day(day(step), [f"acme,chat,gpt-4o,{cost}"])
    cycle = steady.judge(day(37))
    assert [judged.judgement.day for judged in cycle.judged] == [day(35), day(36), day(37)]
    assert "acme: $5,000" in steady.read()


def test_a_file_that_comes_late_is_pulled_all_the_same(steady):
    for step in (40, 41):
        steady.judge(day(step))
    for step in range(35, 41):
        steady.write_day(day(step), ["acme,chat,gpt-4o,100"])
    cycle = steady.judge(day(42))
    assert day(35) in cycle.pulls[0].days


def test_an_answer_holds_under_a_later_alias(steady):
    steady.write_day(SPIKE, ["acme,chat,gpt-4o,5000"])
    steady.judge(SPIKE)
    dismiss(steady, 1, Verdict.EXPECTED)
    steady.config.write_text(CONFIG + '[[tenants]]\nid = "nova"\naliases = ["acme"]\n')
    steady.write_day(day(36), ["nova,chat,gpt-4o,600"])
    steady.judge(day(36))
    assert "nova: $600" in steady.read()


def test_a_data_error_counts_again_once_the_day_is_pulled_anew(steady):
    steady.write_day(SPIKE, ["bolt,chat,gpt-4o,10"])
    steady.judge(SPIKE)
    assert "spend drop" in steady.read()
    dismiss(steady, 1, Verdict.DATA_ERROR)
    steady.write_day(SPIKE, ["bolt,chat,gpt-4o,10", "acme,chat,gpt-4o,101"])
    steady.write_day(day(36), ["bolt,chat,gpt-4o,10", "acme,chat,gpt-4o,400"])
    steady.judge(day(36))
    assert "acme: $400" in steady.read()
    (alert,) = alerts_of(steady, kind=FindingKind.SPEND_SPIKE)
    assert alert.finding.baseline.left_out == ()


def test_a_file_that_cannot_be_opened_fails_its_source_and_not_the_cycle(steady):
    (steady.usage / "broken.csv").symlink_to("nowhere")
    cycle = steady.judge(SPIKE)
    assert "broken.csv" in cycle.failures[0]
    assert "source failing" in steady.read()


def test_a_new_normal_does_not_ring_again_the_next_morning(steady):
    steady.write_day(SPIKE, ["acme,chat,gpt-4o,319"])
    steady.judge(SPIKE)
    dismiss(steady, 1, Verdict.NEW_NORMAL)
    steady.read()
    steady.write_day(day(36), ["acme,chat,gpt-4o,321"])
    steady.judge(day(36))
    assert steady.read() == ""


def test_a_file_imported_once_makes_no_drops_after_its_last_day(steady, tmp_path):
    header = "date,tenant,cost_usd"
    rows = [f"{day(step)},guest,100" for step in range(30)]
    file = tmp_path / "guests.csv"
    file.write_text("\n".join([header, *rows]))
    assert steady.run("import", str(file)) == 0
    steady.write_day(SPIKE, ["acme,chat,gpt-4o,100"])
    cycle = steady.judge(SPIKE)
    assert steady.read() == ""
    assert not cycle.judged[0].judgement.judged(FindingKind.SPEND_DROP, "guest")
    assert cycle.judged[0].judgement.judged(FindingKind.SPEND_DROP, "acme")


def test_a_day_before_any_use_is_not_judged_and_spoils_nothing(steady, capsys):
    before = FIRST - timedelta(days=400)
    assert steady.judge(before).judged == []
    assert steady.run("once", "--day", str(before)) == 0
    assert "not judged, no source has told of use" in capsys.readouterr().out
