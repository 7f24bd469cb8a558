"""Files are read or refused clearly; a bad row is told with its line and costs only itself."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from datetime import UTC, date, datetime

import pytest

from detector.model import Grain, Rejection, Usage
from detector.sources.base import Coverage, SourceError, Window
from detector.sources.csv_file import CsvFileSource

LATEST = date(2026, 11, 22)
HEADER = "date,tenant,prompt_tokens,completion_tokens"
NO_COUNTS = [
    "nan",
    "NaN",
    "inf",
    "-inf",
    "null",
    "12.5",
    "many",
    "1e18",
    "1e99",
    "0x10",
    "1_000",
    "١٢",
    "12.0000000001",
    "1000000000000001",
]
NO_DAYS = [
    "today",
    "2026-02-30",
    "20.11.2026",
    "11/20/2026",
    "2026-11-20T14:00:00",
    "2026-11-20T00:00:00Z",
    "20261120",
    "46346",
]
HOSTILE = [
    "<!channel>",
    "<@U1>",
    "*b*",
    "<script>",
    "=HYPERLINK()",
    "' or 1=1",
    '"; drop',
    "{{7*7}}",
    "%0d%0aBcc:",
    "😀" * 300,
    "שלום‮abc",
    "é̂̃",
    "a\x00b\x1b[31m",
]


def source(path, columns=None, **more):
    return CsvFileSource("files", path, columns or {}, LATEST, **more)


def read(path, window=None, columns=None, **more):
    """Give the usage and the rejections of a file."""
    items = list(source(path, columns, **more).usage(window or Window()))
    usages = [item for item in items if isinstance(item, Usage)]
    return usages, [item for item in items if isinstance(item, Rejection)]


def csv(tmp_path, *lines, name="usage.csv"):
    """Write lines as a CSV file."""
    path = tmp_path / name
    path.write_bytes("".join(f"{line}\n" for line in lines).encode())
    return path


def one(tmp_path, header, line):
    """Read a file of one row and give what became of it."""
    usages, rejections = read(csv(tmp_path, header, line))
    return (usages or rejections)[0]


def test_a_row_becomes_a_day_of_usage(tmp_path):
    header = f"{HEADER},feature,model,deployment,scope,requests,requests_without_usage"
    usage = one(tmp_path, header, "2026-11-20,acme,90,10,chat,gpt-4o,prod,global,7,2")
    assert usage == Usage(
        datetime(2026, 11, 20, tzinfo=UTC),
        Grain.DAY,
        "acme",
        "chat",
        "gpt-4o",
        "prod",
        "global",
        requests=7,
        requests_without_usage=2,
        prompt_tokens=90,
        completion_tokens=10,
    )


def test_headers_match_whatever_their_case_space_and_byte_order_mark(tmp_path):
    path = csv(tmp_path, "\ufeffDAY, Tenant ,Cost_USD,remark", "2026-11-20,acme,1.5,x")
    (usage,), _ = read(path)
    assert (usage.tenant, usage.cost_micro_usd) == ("acme", 1_500_000)


def test_columns_can_be_mapped(tmp_path):
    path = csv(tmp_path, "When,Customer,price,date", "2026-11-20,acme,2,nonsense")
    columns = {"day": "when", "tenant": "customer", "cost_usd": "Price"}
    (usage,), rejections = read(path, columns=columns)
    assert (usage.tenant, usage.cost_micro_usd, rejections) == ("acme", 2_000_000, [])


@pytest.mark.parametrize(
    ("header", "columns", "words"),
    [
        ("dat,tennant,x", {}, ["no column date", "'dat'", "'tennant'", "found: dat, tennant, x"]),
        (HEADER, {"cost_usd": "promt_tokens"}, ["mapped to cost_usd", "'prompt_tokens'"]),
        (HEADER, {"tennant": "date"}, ["'tennant' is not a column", "'tenant'"]),
        ("date,tenant,prompt_tokens", {}, ["no column completion_tokens (and no cost_usd)"]),
        ("date,tenant,Tenant,cost_usd", {}, ["'tenant' is there twice"]),
        ("date;tenant;cost_usd", {}, ["separated by commas"]),
    ],
)
def test_a_header_that_does_not_fit_says_all_that_is_wrong(tmp_path, header, columns, words):
    with pytest.raises(SourceError) as caught:
        read(csv(tmp_path, header, "1,2,3"), columns=columns)
    assert not caught.value.retryable
    assert all(word in str(caught.value) for word in [*words, "usage.csv"])


@pytest.mark.parametrize("cell", ["-1", "-0.0001"])
def test_fault_16_negative_tokens_are_rejected(tmp_path, cell):
    rejection = one(tmp_path, HEADER, f"2026-11-20,acme,{cell},5")
    assert rejection == Rejection(
        "files",
        "usage.csv line 2",
        "prompt_tokens is not a whole number from 0 to 10^15",
        f"prompt_tokens={cell}",
    )


@pytest.mark.parametrize("cell", NO_COUNTS)
def test_fault_17_what_is_no_count_is_rejected(tmp_path, cell):
    rejection = one(tmp_path, HEADER, f"2026-11-20,acme,10,{cell}")
    assert rejection.text == f"completion_tokens={cell}"
    assert not rejection.kept


@pytest.mark.parametrize("cell", ["12", " 12 ", "12.0", "12.", "+12", "1.2e1", "0012"])
def test_fault_17_whole_numbers_are_read_however_they_are_written(tmp_path, cell):
    assert one(tmp_path, HEADER, f"2026-11-20,acme,{cell},5").prompt_tokens == 12


def test_fault_17_an_empty_cell_is_not_zero_tokens(tmp_path):
    rejection = one(tmp_path, HEADER, "2026-11-20,acme,,5")
    assert rejection.reason == "prompt_tokens is empty and there is no cost_usd"


def test_fault_17_one_bad_row_leaves_the_others_untouched(tmp_path):
    path = csv(tmp_path, HEADER, "2026-11-20,a,1,1", "2026-11-20,a,inf,1", "2026-11-20,a,2,1.0")
    (usage,), (rejection,) = read(path)
    assert (usage.prompt_tokens, usage.completion_tokens) == (3, 2)
    assert rejection.where == "usage.csv line 3"


@pytest.mark.parametrize("total", ["99", "many"])
def test_fault_18_a_total_that_differs_is_kept_and_flagged(tmp_path, total):
    path = csv(tmp_path, f"{HEADER},total_tokens", f"2026-11-20,a,90,10,{total}")
    (usage,), (remark,) = read(path)
    assert (usage.prompt_tokens, usage.completion_tokens) == (90, 10)
    assert remark.kept
    assert remark.text == f"total_tokens={total}, prompt_tokens=90, completion_tokens=10"


def test_fault_18_a_total_that_fits_or_is_blank_needs_no_remark(tmp_path):
    path = csv(tmp_path, f"{HEADER},total_tokens", "2026-11-20,a,9,1,10", "2026-11-20,b,9,1,")
    usages, remarks = read(path)
    assert (len(usages), remarks) == (2, [])


def test_fault_19_rows_sharing_a_key_are_summed(tmp_path):
    path = csv(tmp_path, f"{HEADER},requests", *["2026-11-20,a,90,10,1"] * 3)
    (usage,), _ = read(path)
    assert (usage.prompt_tokens, usage.completion_tokens, usage.requests) == (270, 30, 3)


def test_fault_21_tomorrow_is_accepted_and_the_day_after_is_not(tmp_path):
    path = csv(tmp_path, HEADER, "2026-11-23,a,1,1", "2026-11-24,a,1,1", "9999-12-31,a,1,1")
    (usage,), rejections = read(path)
    assert usage.start_at.date() == date(2026, 11, 23)
    assert [each.where[-1] for each in rejections] == ["3", "4"]
    assert "in the future" in rejections[0].reason


def test_fault_21_rows_out_of_order_arrive_in_order(tmp_path):
    days = ["2026-11-03", "2026-11-01", "2026-11-02"]
    usages, _ = read(csv(tmp_path, HEADER, *(f"{day},a,1,1" for day in days)))
    assert [str(usage.start_at.date()) for usage in usages] == sorted(days)


def test_fault_18_a_refused_row_needs_no_remark(tmp_path):
    path = csv(tmp_path, f"{HEADER},cached_tokens,total_tokens", "2026-11-20,a,9,1,10,99")
    usages, (rejection,) = read(path)
    assert (usages, rejection.kept) == ([], False)


def test_a_day_before_2000_is_rejected(tmp_path):
    assert "before 2000-01-01" in one(tmp_path, HEADER, "1999-12-31,a,1,1").reason


def test_fault_29_a_row_without_tenant_is_kept(tmp_path):
    assert one(tmp_path, HEADER, "2026-11-20,  ,1,1").tenant == ""


@pytest.mark.parametrize("name", HOSTILE)
def test_fault_92_hostile_names_are_data(tmp_path, name):
    quoted = name.replace('"', '""')
    assert one(tmp_path, HEADER, f'2026-11-20," {quoted} ",1,1').tenant == name


def test_fault_92_ten_thousand_characters_are_rejected(tmp_path):
    rejection = one(tmp_path, f"{HEADER},feature", f"2026-11-20,a,1,1,{'x' * 10_000}")
    assert rejection.reason == "feature is longer than 300 characters"
    assert len(rejection.text) == 200


def test_fault_112_no_locale_no_home_and_a_strict_umask_are_enough(tmp_path):
    csv(tmp_path, HEADER, "2026-11-20,Zürich,1,1")
    code = (
        "import os; os.umask(0o077)\n"
        "from pathlib import Path; from datetime import date\n"
        "from detector.sources.csv_file import CsvFileSource\n"
        "from detector.sources.base import Window\n"
        "source = CsvFileSource('f', Path('usage.csv'), {}, date(2026, 11, 22))\n"
        "print(ascii([(u.tenant, str(u.start_at)) for u in source.usage(Window())]))\n"
    )
    env = {"LC_ALL": "C", "PYTHONPATH": os.getcwd(), "PATH": "/usr/bin"}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout == "[('Z\\xfcrich', '2026-11-20 00:00:00+00:00')]\n", done.stderr


def test_unknown_cached_tokens_are_none_and_win_over_known_ones(tmp_path):
    rows = ["2026-11-20,a,90,10,30", "2026-11-20,a,90,10,", "2026-11-20,b,90,10,30"]
    (a, b), _ = read(csv(tmp_path, f"{HEADER},cached_tokens", *rows))
    assert (a.prompt_tokens, a.cached_tokens, b.cached_tokens) == (180, None, 30)


def test_more_cached_than_prompt_tokens_are_rejected(tmp_path):
    rejection = one(tmp_path, f"{HEADER},cached_tokens", "2026-11-20,a,90,10,91")
    assert rejection.text == "cached_tokens=91, prompt_tokens=90"


def test_all_that_is_wrong_with_a_row_is_told_at_once(tmp_path):
    rejection = one(tmp_path, f"{HEADER},cached_tokens", "2026-13-01,a,-1,x,nan")
    assert rejection.reason.count(";") == 3
    assert rejection.text == (
        "date=2026-13-01, prompt_tokens=-1, completion_tokens=x, cached_tokens=nan"
    )


@pytest.mark.parametrize(
    ("cells", "micro_usd"),
    [
        (["19.4308"], 19_430_800),
        (["-12.50"], -12_500_000),
        (["0.0000005"], 0),
        (["0.0000015"], 2),
        (["0.0000005000000001"], 1),
        (["0.0000004"] * 5, 2),
        (["1.5e-05"], 15),
        (["1000000000"], 10**15),
        (["1.00000000000000000000000000000001"], 1_000_000),
        (["12345.678901", "-12345.678901"], 0),
    ],
)
def test_costs_are_exact_and_rounded_once(tmp_path, cells, micro_usd):
    path = csv(tmp_path, "date,tenant,cost_usd", *(f"2026-11-20,a,{cell}" for cell in cells))
    (usage,), _ = read(path)
    assert (usage.cost_micro_usd, usage.prompt_tokens) == (micro_usd, None)


@pytest.mark.parametrize(
    "cell", ["nan", "inf", "free", "1000000001", "-1e10", "1,5", "1_0", "1e99"]
)
def test_a_cost_that_is_none_is_rejected(tmp_path, cell):
    rejection = one(tmp_path, "date,tenant,cost_usd,prompt_tokens", f'2026-11-20,a,"{cell}",5')
    assert (rejection.reason, rejection.text) == (
        "cost_usd is not a number of dollars up to 10^9",
        f"cost_usd={cell}",
    )


def test_a_row_with_neither_tokens_nor_cost_is_rejected(tmp_path):
    rejection = one(tmp_path, f"{HEADER},cost_usd", "2026-11-20,a,,,")
    assert "prompt_tokens is empty and there is no cost_usd" in rejection.reason


def test_a_row_without_the_only_figure_of_its_file_is_rejected(tmp_path):
    rejection = one(tmp_path, "date,tenant,cost_usd", "2026-11-20,a,")
    assert rejection.text == "prompt_tokens=, completion_tokens="


def test_rows_with_and_without_a_cost_stay_apart(tmp_path):
    rows = ["2026-11-20,a,1,1,5", "2026-11-20,a,2,2,", "2026-11-20,a,,,3"]
    usages, _ = read(csv(tmp_path, f"{HEADER},cost_usd", *rows))
    found = {(each.cost_micro_usd, each.prompt_tokens) for each in usages}
    assert found == {(8_000_000, None), (None, 2)}


def test_a_scope_the_file_does_not_tell_is_the_one_declared(tmp_path):
    path = csv(tmp_path, f"{HEADER},scope", "2026-11-20,a,1,1,batch", "2026-11-20,b,1,1,")
    usages, _ = read(path, scope="global")
    assert [each.scope for each in usages] == ["batch", "global"]


def test_a_row_that_does_not_fit_the_header_is_rejected_with_its_line(tmp_path):
    rows = ["2026-11-20,a,1,1", "2026-11-20,a,1", "", "2026-11-20,a,1,1,9", "2026-11-20,a,1,-1"]
    (usage,), rejections = read(csv(tmp_path, HEADER, *rows))
    assert usage.prompt_tokens == 1
    assert [each.where for each in rejections] == [f"usage.csv line {at}" for at in (3, 5, 6)]
    assert rejections[0].reason == "3 cells where the header has 4"


def test_lines_are_counted_over_quoted_line_breaks(tmp_path):
    rows = ['2026-11-20,"two\nlines",1,1', "2026-11-20,a,x,1", '2026-11-20,"b\n\nb",1', "torn"]
    (usage,), rejections = read(csv(tmp_path, HEADER, *rows))
    assert usage.tenant == "two\nlines"
    assert sorted(each.where for each in rejections) == [f"usage.csv line {at}" for at in (4, 5, 8)]


def test_a_stray_quote_costs_the_rows_around_it_and_says_so(tmp_path):
    rows = ['2026-11-20,"a,1,1', "2026-11-20,b,1,1", '2026-11-20,c"d,1', "2026-11-20,e,1,1"]
    usages, (rejection,) = read(csv(tmp_path, HEADER, *rows))
    assert rejection.where == "usage.csv line 2"
    assert "quote left open" in rejection.reason
    assert [each.tenant for each in usages] == ["e"]


def test_a_bare_carriage_return_costs_its_row(tmp_path):
    rows = ["2026-11-20,a\rb,1,1", "2026-11-20,c,1,1"]
    (usage,), rejections = read(csv(tmp_path, HEADER, *rows))
    assert usage.tenant == "c"
    assert [each.reason[:7] for each in rejections] == ["2 cells", "3 cells"]


def test_windows_line_ends_and_a_missing_last_one_are_fine(tmp_path):
    path = tmp_path / "usage.csv"
    path.write_bytes(f"{HEADER}\r\n2026-11-20,a,1,1\r\n\r\n2026-11-20,b,1,1".encode())
    usages, rejections = read(path)
    assert ([each.tenant for each in usages], rejections) == (["a", "b"], [])


def test_a_cell_that_is_not_utf8_costs_only_its_row(tmp_path):
    path = tmp_path / "usage.csv"
    path.write_bytes(f"{HEADER}\n2026-11-20,Z\xfcrich,1,1\n2026-11-20,a,1,1\n".encode("latin-1"))
    (usage,), (rejection,) = read(path)
    assert usage.tenant == "a"
    assert (rejection.reason, rejection.text) == ("tenant is not UTF-8 text", "tenant=Z\ufffdrich")


@pytest.mark.parametrize("column", ["date", "prompt_tokens"])
def test_a_number_or_date_that_is_not_utf8_is_rejected(tmp_path, column):
    cells = {"date": b"2026-11-20", "tenant": b"a", "prompt_tokens": b"1", "cost_usd": b"1"}
    cells[column] = b"\xff"
    path = tmp_path / "usage.csv"
    path.write_bytes(",".join(cells).encode() + b"\n" + b",".join(cells.values()))
    usages, (rejection,) = read(path)
    assert (usages, rejection.text) == ([], f"{column}=\ufffd")


@pytest.mark.parametrize(
    "cell", ["2026-11-20", " 2026-11-20 ", "2026-11-20 00:00:00", "2026-11-20T00:00:00.000"]
)
def test_a_day_may_be_written_as_its_midnight(tmp_path, cell):
    usage = one(tmp_path, HEADER, f"{cell},a,1,1")
    assert (str(usage.start_at), usage.grain) == ("2026-11-20 00:00:00+00:00", Grain.DAY)


@pytest.mark.parametrize("cell", NO_DAYS)
def test_what_is_no_day_is_rejected(tmp_path, cell):
    rejection = one(tmp_path, HEADER, f"{cell},a,1,1")
    assert rejection.reason == "date is not a calendar day like 2026-11-22"


@pytest.mark.parametrize(
    ("cell", "hour", "quarter"),
    [
        ("2026-11-20T14:50:00Z", "14:00", "14:45"),
        ("2026-11-20 14:50", "14:00", "14:45"),
        ("2026-11-20T14:29:59.9999999Z", "14:00", "14:15"),
        ("2026-11-20T14:00+05:30", "08:00", "08:30"),
        ("2026-11-20T09:00:00-0515", "14:00", "14:15"),
    ],
)
def test_a_start_is_put_into_its_slot_in_utc(tmp_path, cell, hour, quarter):
    path = csv(tmp_path, HEADER.replace("date", "start_at"), f"{cell},a,1,1")
    (by_hour,), _ = read(path)
    (by_quarter,), _ = read(path, grain=Grain.QUARTER_HOUR)
    assert f"{by_hour.start_at:%F %R}" == f"2026-11-20 {hour}"
    assert f"{by_quarter.start_at:%F %R}" == f"2026-11-20 {quarter}"
    assert (by_hour.grain, by_quarter.grain) == (Grain.HOUR, Grain.QUARTER_HOUR)


@pytest.mark.parametrize("cell", ["2026-11-20", "14:00", "2026-11-20T25:00:00Z", "1763649000", ""])
def test_what_is_no_start_is_rejected(tmp_path, cell):
    rejection = one(tmp_path, HEADER.replace("date", "start_at"), f"{cell},a,1,1")
    assert rejection.reason == "start_at is not a time like 2026-11-22T14:15:00Z"


def test_of_several_time_columns_the_finest_is_read(tmp_path):
    usage = one(tmp_path, f"{HEADER},day,start_at", "x,a,1,1,y,2026-11-20T14:00Z")
    assert usage.grain is Grain.HOUR


def test_slots_of_a_day_are_no_choice(tmp_path):
    with pytest.raises(ValueError, match="hour or quarter_hour"):
        source(tmp_path, grain=Grain.DAY)


def test_a_folder_is_one_answer(tmp_path):
    csv(tmp_path, HEADER, "2026-11-20,a,1,1", name="b.csv")
    csv(tmp_path, "tenant,date,cost_usd", "a,2026-11-19,1", name="a.CSV")
    csv(tmp_path, HEADER, "2026-11-20,a,5,5", "2026-11-20,a,x,5", name="c.csv")
    csv(tmp_path, "anything", name="notes.txt")
    csv(tmp_path, "anything", name=".hidden.csv")
    (first, second), (rejection,) = read(tmp_path)
    assert (first.cost_micro_usd, second.prompt_tokens) == (1_000_000, 6)
    assert rejection.where == "c.csv line 3"


def test_a_packed_file_is_read(tmp_path):
    path = tmp_path / "usage.csv.gz"
    path.write_bytes(gzip.compress(f"{HEADER}\n2026-11-20,a,1,1\n".encode()))
    (usage,), _ = read(path)
    assert usage.tenant == "a"


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("usage.csv", b"", "must hold the column names"),
        ("usage.csv", HEADER.encode("utf-16"), "not UTF-8"),
        ("usage.csv", HEADER.encode("utf-16-le"), "not a CSV file in UTF-8"),
        ("usage.csv", b"date,tenant\r2026-11-20,a\r", "line ends"),
        ("usage.csv.gz", b"date,tenant", "damaged"),
        ("usage.csv.gz", gzip.compress(HEADER.encode(), mtime=0)[:-9], "damaged"),
        ("usage.parquet", b"PAR1 no more", "damaged"),
        ("usage.parquet", b"", "damaged"),
        ("usage.xlsx", b"PK", "not one of .csv, .csv.gz, .parquet"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path, name, content, words):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(SourceError, match=words) as caught:
        read(path)
    assert name in str(caught.value)
    assert not caught.value.retryable


@pytest.mark.parametrize(("name", "words"), [("none.csv", "no such file"), (".", "holds no .csv")])
def test_a_missing_path_and_an_empty_folder_may_come_later(tmp_path, name, words):
    with pytest.raises(SourceError, match=words) as caught:
        read(tmp_path / name)
    assert caught.value.retryable


def test_a_file_that_vanishes_while_it_is_read_can_be_tried_again(tmp_path):
    csv(tmp_path, HEADER, "2026-11-20,a,1,x", name="a.csv")
    last = csv(tmp_path, HEADER, name="b.csv")
    items = source(tmp_path).usage(Window())
    assert isinstance(next(items), Rejection)
    last.unlink()
    with pytest.raises(SourceError, match=r"b\.csv.*cannot be read") as caught:
        list(items)
    assert caught.value.retryable


def test_a_header_alone_is_no_usage(tmp_path):
    files = source(csv(tmp_path, HEADER))
    assert list(files.usage(Window())) == []
    assert files.coverage() == Coverage(None, None)


def test_a_window_leaves_the_other_days_out_and_still_tells_misdated_rows(tmp_path):
    rows = ["2026-11-18,a,1,1", "2026-11-19,a,1,1", "2026-11-20,a,x,1", "soon,a,1,1"]
    files = source(csv(tmp_path, HEADER, *rows))
    items = list(files.usage(Window(date(2026, 11, 19), date(2026, 11, 19))))
    assert [type(item).__name__ for item in items] == ["Rejection", "Usage"]
    assert items[0].where == "usage.csv line 5"
    assert files.coverage() == Coverage(date(2026, 11, 19), date(2026, 11, 19))


def test_progress_ends_with_all_rows_and_the_whole_of_the_bytes(tmp_path):
    heard = []
    for name in ("a.csv", "b.csv"):
        csv(tmp_path, HEADER, *["2026-11-20,a,1,1"] * 10, name=name)
    read(tmp_path, on_progress=lambda rows, share: heard.append((rows, share)))
    assert heard == [(10, 0.5), (20, 1.0)]


def test_a_file_of_many_blocks_is_read_whole(tmp_path):
    rows = [f"2026-11-{1 + at % 20:02},tenant-{at % 7},{at},1" for at in range(250_000)]
    usages, (rejection,) = read(csv(tmp_path, HEADER, *rows, "2026-11-20,a,x,1"))
    assert sum(each.prompt_tokens for each in usages) == sum(range(250_000))
    assert rejection.where == "usage.csv line 250002"
    assert len(usages) == 140


def test_a_quote_that_is_never_closed_is_told_with_its_line(tmp_path):
    rows = ["2026-11-20,a,1,1", '2026-11-20,"b,1,1', *["2026-11-20,a,1,1"] * 1_200_000]
    with pytest.raises(SourceError, match="line 3: a quote is opened and never closed"):
        read(csv(tmp_path, HEADER, *rows))


def test_sums_beyond_an_integer_are_refused(tmp_path):
    rows = ["2026-11-20,a,1000000000000000,1"] * 9_001
    with pytest.raises(SourceError, match="sum of prompt_tokens is beyond"):
        read(csv(tmp_path, HEADER, *rows))
