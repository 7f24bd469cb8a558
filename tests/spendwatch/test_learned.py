"""What plans and answers taught by a moment."""

from __future__ import annotations

from datetime import timedelta

from alerts import store
from alerts.lifecycle import open_alert
from alerts.model import Teaching, Verb, Verdict
from alerts.replies import Answer, answer
from spendwatch.db import reading, writing
from spendwatch.learned import Learned
from tests.builders import spike
from tests.fakes import FakeClock
from tests.spendwatch.apps import DAY, NOW, an_app, tenant, told, used

HOUR = timedelta(hours=1)
ALIAS = tenant("acme", aliases=("acme-old",))


def learned(app, at=None):
    with reading(app.engine) as session:
        return Learned(app, session).lessons(at)


def test_a_data_error_taught_until_the_day_was_pulled_again_under_whichever_name(tmp_path):
    clock = FakeClock(NOW)
    app = an_app(tmp_path, ALIAS, clock=clock)
    told(app, used(who="acme-old"))
    with writing(app.engine) as session:
        store.insert_alerts(session, [open_alert(spike(DAY, "acme-old"), NOW)])
        given = Answer(Verb.DISMISS, "alice", Verdict.DATA_ERROR)
        answer(session, 1, given, NOW + HOUR, Teaching())
    (lesson,) = learned(app)
    assert (lesson.tenant, lesson.days) == ("acme", {DAY})
    clock.move(3 * HOUR)
    told(app, used(who="acme", prompt_tokens=7_000))
    assert learned(app) == ()
    assert learned(app, NOW) == ()
    assert learned(app, NOW + 2 * HOUR) == (lesson,)
    assert learned(app, NOW + 3 * HOUR) == ()


def test_an_alert_answered_by_a_person_teaches_nothing_before(tmp_path):
    app = an_app(tmp_path)
    told(app, used())
    with writing(app.engine) as session:
        store.insert_alerts(session, [open_alert(spike(DAY, "acme"), NOW)])
        given = Answer(Verb.DISMISS, "alice", Verdict.REAL)
        answer(session, 1, given, NOW + HOUR, Teaching())
    assert learned(app, NOW) == ()
    assert [each.days for each in learned(app, NOW + HOUR)] == [{DAY}]
