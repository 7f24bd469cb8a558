"""A day that explodes is told of while it runs: within the hour, once, and taken back if wrong."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest
from sqlalchemy import select

from alerts import store
from alerts.channels.console import FileChannel
from alerts.model import AlertState, Change
from detector.tables import COST_REVISION, JUDGED_DAY, PULL
from spendwatch.commands import cycle
from spendwatch.db import reading
from spendwatch.jobs import run_cycle
from tests.detector.ledgers import rows, source_days
from tests.service.serving import HOUR, ONE, serving
from tests.spendwatch.installations import CONFIG, FIRST, Installation

TEN, HALF = timedelta(minutes=10), timedelta(minutes=30)
HEADER = "start_at,tenant,feature,model,cost_usd"
RUNNING = FIRST + 35 * ONE


def at(clock, day=RUNNING):
    return datetime.combine(day, time.fromisoformat(clock), UTC)


class Hourly(Installation):
    """Files of hours: about $4 each for acme, and what else is said of an hour."""

    def write_hours(self, day, until=24, **extra):
        wobble = 0.96 + 0.04 * (day.toordinal() % 3)
        costs = [100 / 24 * wobble + extra.get(f"h{hour}", 0) for hour in range(until)]
        lines = [f"{day}T{hour:02}:00Z,acme,chat,gpt-4o,{cost:.4f}"
                 for hour, cost in enumerate(costs)]  # fmt: skip
        (self.usage / f"{day}.csv").write_text("\n".join([HEADER, *lines, ""]), encoding="utf-8")

    def live(self, service, until, step=TEN, **extra):
        """Let time pass; of each hour the file tells as soon as it has begun."""
        while self.now < until:
            day, hour = self.now.date(), self.now.hour
            past = {key: value for key, value in extra.items() if int(key[1:]) <= hour}
            self.write_hours(day, hour + 1, **(past if day == RUNNING else {}))
            service.wait(step)


@pytest.fixture
def steady(tmp_path):
    """35 steady days of acme; it is nine in the morning of the day after them."""
    return made(tmp_path)


def made(folder, extra=""):
    place = Hourly(folder, CONFIG.replace("[alerts]", f"{extra}\n[alerts]"))
    for step in range(35):
        place.write_hours(FIRST + step * ONE)
    place.now = at("09:00")
    return place


def head(service, words):
    """When a message was written whose title holds these words."""
    (found,) = (each for each in service.told().split("== ")[1:] if words in each.splitlines()[1])
    return datetime.fromisoformat(found.split(" ", 1)[0])


def alerts(place):
    with reading(place.app().engine) as session:
        return store.list_alerts(session)


def judged_days(place):
    with reading(place.app().engine) as session:
        return session.connection().execute(select(JUDGED_DAY.c.day)).scalars().all()


def test_a_day_that_explodes_at_ten_is_told_before_eleven_and_never_again(steady):
    with serving(steady) as service:
        steady.live(service, at("12:30"), h10=150, h11=90, h12=200)
        assert at("10:00") < head(service, "day still running") <= at("10:40")
        assert len(service.titles()) == 1
        assert RUNNING not in judged_days(steady)
    with serving(steady) as service:  # a restart must not tell it again
        steady.live(service, at("01:30", RUNNING + ONE), HALF, h10=150, h11=90, h12=200)
        assert len(service.titles()) == 1
        assert judged_days(steady)[-1] == RUNNING - ONE
        steady.live(service, at("08:00", RUNNING + ONE), HALF)
        assert judged_days(steady)[-1] == RUNNING
        assert len(service.titles()) == 1
    (alert,) = alerts(steady)
    assert (alert.state, alert.days, alert.finding.early) == (AlertState.OPEN, (RUNNING,), False)
    assert alert.finding.actual_micro_usd > 530_000_000


def test_the_message_says_how_far_the_day_is_known_and_where_it_is_heading(steady):
    with serving(steady) as service:
        steady.live(service, at("11:00"), h10=150)
        (title,) = service.titles()
        assert title.startswith("[warning] acme: $19")
        assert title.endswith("on Tue 6 Oct, 2x normal, day still running")
        told = " ".join(service.told().split())
        assert "over the usual $100 by 10:10 UTC Course" in told
        assert "Course about $431 by midnight" in told  # 11 of 24 hours had gone
        assert "if it goes on like this, $252 if the rest of the day is as usual" in told


def test_an_ordinary_day_is_asked_for_every_half_hour_and_tells_nothing(steady):
    with serving(steady) as service:
        steady.live(service, at("14:00"))
        assert service.titles() == []
        assert len(service.logged("running_day_recorded")) == 10
        assert service.logged("running_day_judged") == []
        assert len(service.logged("usage_recorded")) == 1
        assert judged_days(steady) == [RUNNING - ONE]


def test_a_rise_that_late_data_takes_back_is_withdrawn_once_the_day_is_whole(steady):
    with serving(steady) as service:
        steady.live(service, at("11:00"), h10=150)
        assert service.times_told("day still running") == 1
        steady.live(service, at("05:00", RUNNING + ONE), HALF)
    title = "[calm] acme: withdrawn, Tue 6 Oct cost $104 in the end, which is normal"
    assert service.titles()[1:] == [title]
    assert head(service, "withdrawn") >= at("02:00", RUNNING + ONE)
    (alert,) = alerts(steady)
    assert (alert.state, alert.days) == (AlertState.RESOLVED, ())


def test_a_day_that_is_whole_after_all_leaves_the_ledger_that_one_pull_would(tmp_path):
    ledgers, found = [], []
    for early in ("true", "false"):
        (tmp_path / early).mkdir()
        place = made(tmp_path / early, f"early = {early}\n")
        with serving(place) as service:
            place.live(service, at("04:00", RUNNING + ONE), HALF, h10=150)
        app = place.app()
        known = rows(app.engine)
        ledgers.append({key: (row.micro_usd, row.version) for key, row in known.items()
                        if key[3] <= RUNNING})  # fmt: skip
        whole = {day: row.whole for (_, day), row in source_days(app.engine).items()}
        assert all(whole[day] for day in whole if day <= RUNNING)
        with reading(app.engine) as session:
            assert session.connection().execute(select(COST_REVISION)).all() == []
        found.append(alerts(place)[0].finding)
    assert ledgers[0] == ledgers[1]
    assert found[0] == found[1]


def test_a_file_of_days_is_left_until_the_day_is_over(tmp_path):
    place = Installation(tmp_path, CONFIG)
    place.write_days(35, 100)
    place.now = at("07:00")
    with serving(place) as service:
        for _ in range(5):
            service.wait(HOUR)
        assert service.logged("running_day_recorded") == []
        assert len(pulls(place)) == 1


def pulls(place):
    with reading(place.app().engine) as session:
        return session.connection().execute(select(PULL).order_by(PULL.c.id)).all()


def test_who_wants_no_early_word_hears_of_the_finished_day(tmp_path):
    place = made(tmp_path, "early = false\n")
    with serving(place) as service:
        place.live(service, at("12:00"), h10=150)
        assert service.titles() == []
        assert {pull.last_day for pull in pulls(place)} == {RUNNING - ONE}
        place.live(service, at("03:00", RUNNING + ONE), HALF, h10=150)
        assert service.times_told("acme: $25") == 1
        assert service.times_told("still running") == 0


def test_a_source_that_fails_while_the_day_runs_is_asked_ever_later_and_told_of_by_none(steady):
    with serving(steady) as service:
        steady.live(service, at("09:30"))
        steady.usage.rename(steady.folder / "gone")
        for _ in range(12):
            service.wait(TEN)
        assert 4 <= len(service.logged("source_failed")) <= 8
        assert service.titles() == []
        (steady.folder / "gone").rename(steady.usage)
        steady.live(service, at("13:00"), h10=150)
        assert service.times_told("day still running") == 1


def test_a_planned_day_is_quiet_up_to_its_ceiling_and_speaks_above_it(tmp_path):
    plan = f'[[planned_events]]\ntenant = "acme"\nfirst_day = {RUNNING}\nceiling = 300\n'
    place = made(tmp_path, f'{plan}comment = "batch"\n')
    with serving(place) as service:
        place.live(service, at("11:30"), h10=150)
        assert service.titles() == []
        place.live(service, at("13:00"), h10=150, h12=200)
        assert service.times_told("day still running") == 1
        place.live(service, at("04:00", RUNNING + ONE), HALF, h10=150, h12=200)
        assert len(service.titles()) == 1


def test_an_episode_goes_on_and_speaks_early_only_where_it_is_worse(steady):
    steady.write_hours(RUNNING - ONE, h10=150)
    with serving(steady) as service:
        steady.live(service, at("12:00"), h10=150)
        assert [title.split(",")[0] for title in service.titles()] == [
            "[warning] acme: $250 on Mon 5 Oct"
        ]
        steady.live(service, at("14:00"), h10=150, h12=300)
        assert len(service.titles()) == 2
        assert service.titles()[1].startswith("[warning] acme: worse, $50")
        assert service.titles()[1].endswith("day still running")
        steady.live(service, at("04:00", RUNNING + ONE), HALF, h10=150, h12=300, h14=900)
        assert len(service.titles()) == 2
    (alert,) = alerts(steady)
    assert alert.days == (RUNNING - ONE, RUNNING)
    with reading(steady.app().engine) as session:
        decided = [each.change for each in store.decisions_of(session, alert.number)]
    assert decided.count(Change.WORSE) == 1


def cycle_of(place, day=None):
    """Run one full cycle, as `once` does, and sum it up."""
    channels = {"desk": FileChannel(place.folder / "told.txt", lambda: place.now)}
    ran = run_cycle(place.app(), channels, day)
    return ran, cycle.cycle_summary(ran)


def test_once_looks_at_the_day_that_runs_too_and_says_so(steady, capsys):
    steady.now = at("10:40")
    steady.write_hours(RUNNING, 11, h10=150)
    ran, summary = cycle_of(steady)
    assert (summary["judged_days"], summary["findings"]) == ([str(RUNNING - ONE)], 0)
    assert (summary["early"], summary["told"], summary["messages"]) == (1, 1, 1)
    cycle._print_cycle(ran)
    judged, pulled, so_far = capsys.readouterr().out.strip().split("; ")
    assert (judged, pulled) == (f"{RUNNING - ONE} judged: 0 findings, 1 told", "744 rows pulled")
    assert so_far == f"{RUNNING} so far: 1 finding"
    steady.now += HALF
    assert cycle_of(steady)[1]["told"] == 0
    steady.now = at("06:00", RUNNING + ONE)
    steady.write_hours(RUNNING, 24, h10=150)
    _, summary = cycle_of(steady)
    assert (summary["judged_days"], summary["findings"]) == ([str(RUNNING)], 1)
    assert (summary["early"], summary["told"]) == (0, 0)


def test_a_day_that_is_named_is_judged_alone(steady):
    steady.now = at("10:40")
    steady.write_hours(RUNNING, 11, h10=150)
    _, summary = cycle_of(steady, RUNNING - ONE)
    assert (summary["early"], summary["told"]) == (0, 0)
    assert {pull.last_day for pull in pulls(steady)} == {RUNNING - ONE}


def test_killed_between_judging_and_telling_it_is_told_once(steady):
    steady.now = at("10:40")
    steady.write_hours(RUNNING, 11, h10=150)
    with serving(steady) as service:
        service.tick("pull gateway", "judge")
        assert service.titles() == []
    with serving(steady) as service:
        for _ in range(3):
            service.wait(TEN)
        assert service.times_told("day still running") == 1
        assert len(service.titles()) == 1
