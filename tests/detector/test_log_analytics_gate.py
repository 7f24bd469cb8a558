"""What one identity may ask at once and in 30 seconds, and when it is refused."""

from threading import Thread

import pytest

from detector.sources.base import SourceError
from tests.azure.asking import Sleeper, new_gate


def begun_and_ended(gate, time, count, takes_s=0.0, left_s=10_000):
    """Pass so many queries one after the other; when each began and ended."""
    spans = []
    for _ in range(count):
        with gate.passing(left_s):
            begun = time.now
            time.now += takes_s
        spans.append((begun, time.now))
    return spans


def test_no_more_than_200_queries_reach_the_service_in_any_30_seconds():
    time = Sleeper()
    spans = begun_and_ended(new_gate(time), time, 450, takes_s=0.01)
    # A query reaches the service somewhere between its begin and its end.
    for first, later in zip(spans, spans[200:], strict=False):
        assert later[0] - first[1] >= 30.0 - 1e-6


def test_200_queries_do_not_wait():
    time = Sleeper()
    begun_and_ended(new_gate(time), time, 200)
    assert time.slept == []


def test_the_wait_for_room_is_no_longer_than_the_run_has_left():
    time = Sleeper()
    gate = new_gate(time, in_window=1)
    begun_and_ended(gate, time, 1)
    with pytest.raises(SourceError, match="no room among the queries") as raised:
        begun_and_ended(gate, time, 1, left_s=10)
    assert raised.value.retryable
    assert time.slept == []
    begun_and_ended(gate, time, 1, left_s=31)


def test_a_sixth_query_at_once_waits_for_one_of_five():
    gate = new_gate()
    passed = []

    def sixth():
        with gate.passing(60):
            passed.append("sixth")

    held = [gate.passing(0) for _ in range(5)]
    for each in held:
        each.__enter__()
    thread = Thread(target=sixth)
    thread.start()
    with pytest.raises(SourceError, match="no room"), gate.passing(0):
        pass
    assert passed == []
    held[0].__exit__(None, None, None)
    thread.join()
    assert passed == ["sixth"]
    for each in held[1:]:
        each.__exit__(None, None, None)


def test_a_query_that_fails_gives_its_place_back():
    gate = new_gate(at_once=1)
    with pytest.raises(RuntimeError), gate.passing(0):
        raise RuntimeError("it fails")
    with gate.passing(0):
        pass


def test_a_pause_holds_everybody_back_and_never_longer_than_a_window():
    time = Sleeper()
    gate = new_gate(time)
    gate.pause(86_400)
    gate.pause(1)
    begun_and_ended(gate, time, 1)
    assert sum(time.slept) == 30


def test_fault_27_a_refused_credential_is_refused_everywhere_for_five_minutes():
    time = Sleeper()
    gate = new_gate(time)
    gate.refuse("the token was refused")
    for place in ("workspace a", "workspace b"):
        with pytest.raises(SourceError, match=r"the token was refused \(not asked again for"):
            gate.check(place)
    time.now += 300
    gate.check("workspace a")


def test_fault_27_a_place_that_refuses_is_refused_alone():
    gate = new_gate()
    gate.refuse("no role", "workspace a")
    with pytest.raises(SourceError, match="no role"):
        gate.check("workspace a")
    gate.check("workspace b")
    new_gate().check("workspace a")
