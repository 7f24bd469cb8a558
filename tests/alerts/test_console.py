from __future__ import annotations

import io
from pathlib import Path

import pytest

from alerts.channels.base import ChannelError
from alerts.channels.console import ConsoleChannel, FileChannel
from tests.builders import NOW, a_notification
from tests.fakes import FakeClock

CLOCK = FakeClock()


@pytest.fixture
def file(tmp_path):
    return FileChannel(tmp_path / "told" / "messages.txt", CLOCK)


def told(tmp_path):
    return (tmp_path / "told" / "messages.txt").read_text(encoding="utf-8")


def test_a_terminal_shows_the_message_and_nothing_else():
    stream = io.StringIO()
    receipt = ConsoleChannel(stream, CLOCK).send(a_notification())
    assert stream.getvalue().startswith("[warning] Acme: $80 on Thu 12 Nov, 4x normal\n  What")
    assert stream.getvalue().endswith("spend spike, open\n\n")
    assert (receipt.receiver, receipt.sent_at) == ("ops", NOW)


def test_a_terminal_remembers_nothing_and_shows_updates_anew():
    stream = io.StringIO()
    channel = ConsoleChannel(stream, CLOCK, colour=True)
    receipt = channel.send(a_notification())
    assert channel.find(a_notification(), NOW) is None
    assert channel.update(receipt, a_notification(tone="calm")) == receipt
    assert "\x1b[1;32m[calm]" in stream.getvalue()


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_fault_112_a_terminal_of_the_c_locale_shows_what_it_can(encoding):
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding, errors="strict")
    ConsoleChannel(stream, CLOCK).send(a_notification(title="東京: $80, 4x normal"))
    assert b"[warning] ??: $80, 4x normal\n" in raw.getvalue()


def test_a_terminal_that_went_away_is_a_channel_error(tmp_path):
    class Closed(io.StringIO):
        def write(self, text):
            raise BrokenPipeError("broken pipe")

    with pytest.raises(ChannelError, match="the terminal cannot be written: broken pipe"):
        ConsoleChannel(Closed(), CLOCK).send(a_notification())


def test_a_file_finds_what_it_holds_and_nothing_else(file):
    receipt = file.send(a_notification("one"))
    file.send(a_notification('two "quoted" 東京'))
    assert file.find(a_notification("one"), NOW) == receipt
    assert file.find(a_notification('two "quoted" 東京'), NOW).reference == 'two "quoted" 東京'
    assert file.find(a_notification("on"), NOW) is None


def test_a_file_that_is_not_there_yet_holds_nothing(file):
    assert file.find(a_notification("one"), NOW) is None


def test_each_message_begins_with_when_it_was_written_and_its_key(file, tmp_path):
    file.send(a_notification("one"))
    file.send(a_notification("two"))
    first, second, nothing = told(tmp_path).split("\n\n")
    assert first.startswith('== 2026-11-13T06:10:00Z "one" to "ops"\n[warning] Acme: $80 on Thu')
    assert first.endswith("spend spike, open")
    assert second.startswith('== 2026-11-13T06:10:00Z "two" to "ops"\n[warning] Acme: $80 on Thu')
    assert nothing == ""


def test_an_update_is_appended(file, tmp_path):
    receipt = file.send(a_notification("one"))
    file.update(receipt, a_notification("one", title="Acme: resolved"))
    assert told(tmp_path).count('== 2026-11-13T06:10:00Z "one" to "ops"\n') == 2
    assert file.find(a_notification("one"), NOW) == receipt


def test_a_receipt_is_what_the_file_says_however_exact_the_clock(tmp_path):
    file = FileChannel(tmp_path / "messages.txt", lambda: NOW.replace(microsecond=123_456))
    receipt = file.send(a_notification("one"))
    assert receipt.sent_at == NOW
    assert file.find(a_notification("one"), NOW) == receipt


def found(file):
    return tuple(file.find(a_notification(key), NOW) for key in ("one", "two"))


def test_wherever_a_message_was_torn_it_does_not_count_as_sent(file, tmp_path):
    path = tmp_path / "told" / "messages.txt"
    file.send(a_notification("zero"))
    before = path.stat().st_size
    file.send(a_notification("one"))
    whole = path.read_bytes()
    for end in range(before, len(whole)):
        path.write_bytes(whole[:end])
        assert file.find(a_notification("one"), NOW) is None
        two = file.send(a_notification("two"))
        assert (file.find(a_notification("one"), NOW), file.find(a_notification("two"), NOW)) == (
            None,
            two,
        )
        one = file.send(a_notification("one"))
        assert (file.find(a_notification("one"), NOW), file.find(a_notification("two"), NOW)) == (
            one,
            two,
        )
        assert file.find(a_notification("zero"), NOW) is not None


def test_fault_92_a_name_cannot_forge_a_message(file, tmp_path):
    forged = '== 2026-11-13T06:10:00Z "two" to "ops"'
    file.send(a_notification("one", title=f"x {forged * 3}\n\n{forged}\n\n"))
    file.send(a_notification(f'x"\n\n{forged}\n\n'))
    assert file.find(a_notification("two"), NOW) is None
    assert file.find(a_notification("one"), NOW) is not None


def test_a_file_that_cannot_be_written_or_read_is_a_channel_error(tmp_path):
    folder = FileChannel(tmp_path, CLOCK)
    with pytest.raises(ChannelError, match="cannot be written"):
        folder.send(a_notification())
    with pytest.raises(ChannelError, match="cannot be read"):
        folder.find(a_notification("one"), NOW)


def test_a_full_disk_is_a_channel_error():
    with pytest.raises(ChannelError, match=r"/dev/full cannot be written: .*No space left"):
        FileChannel(Path("/dev/full"), CLOCK).send(a_notification())


def test_a_channel_error_says_whether_to_try_again():
    error = ChannelError("slow down", retry_after_s=30.0)
    assert (str(error), error.permanent, error.retry_after_s) == ("slow down", False, 30.0)
