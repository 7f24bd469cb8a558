"""The mapping file: read again when it changed, refused with the line when it cannot be meant."""

from __future__ import annotations

import os

import pytest

from detector.sources.base import SourceError
from detector.sources.carriers import Identity
from detector.sources.identity_file import IdentityFile
from tests.detector.log_stores import HOSTILE


@pytest.fixture
def path(tmp_path):
    return tmp_path / "subscriptions.csv"


def write(path, text, encoding="utf-8"):
    path.write_bytes(text.encode(encoding))
    return IdentityFile(path)


def refusal(path, text):
    with pytest.raises(SourceError) as raised:
        write(path, text)()
    return str(raised.value)


def test_an_id_gives_its_tenant_feature_and_cost_centre(path):
    identities = write(path, "id,tenant,feature,cost_centre\nbu-hr,HR,chat,CC-1\nbu-it,IT,,\n")()
    assert identities == {"bu-hr": Identity("HR", "chat", "CC-1"), "bu-it": Identity("IT")}


def test_columns_come_in_any_order_and_case_and_the_optional_ones_may_be_missing(path):
    assert write(path, " Tenant ,ID\r\n HR , bu-hr \r\n\r\n")() == {"bu-hr": Identity("HR")}


def test_a_mark_of_the_byte_order_is_no_part_of_the_first_column(path):
    assert write(path, "id,tenant\nübung,Ü\n", "utf-8-sig")() == {"übung": Identity("Ü")}


def test_a_cell_in_quotes_may_hold_commas_and_line_ends(path):
    text = 'id,tenant\n"a,b","one\ntwo"\nc,three\nc,four\n'
    assert "line 5: the id 'c' stands in line 4 already" in refusal(path, text)


def test_a_file_that_changed_is_read_again_and_one_that_did_not_is_not(path):
    identities = write(path, "id,tenant\none,acme\n")
    before = identities()
    assert identities() is before
    write(path, "id,tenant\none,bolt\n")
    os.utime(path, ns=(1, 1))
    assert identities() == {"one": Identity("bolt")}


def test_a_file_put_in_the_place_of_another_is_read_though_size_and_time_are_the_same(path):
    identities = write(path, "id,tenant\none,acme\n")
    identities()
    stat = path.stat()
    write(path.with_suffix(".new"), "id,tenant\none,bolt\n")
    os.utime(path.with_suffix(".new"), ns=(stat.st_atime_ns, stat.st_mtime_ns))
    path.with_suffix(".new").replace(path)
    assert identities() == {"one": Identity("bolt")}


def test_a_broken_new_version_is_refused_and_nothing_of_the_old_one_used(path):
    identities = write(path, "id,tenant\none,acme\n")
    identities()
    write(path, "id,tenant\none,acme\none,bolt\n")
    for _ in range(2):
        with pytest.raises(SourceError, match="line 3: the id 'one' stands in line 2 already"):
            identities()
    write(path, "id,tenant\ntwo,bolt\n")
    assert identities() == {"two": Identity("bolt")}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "line 1: the file is empty; its first line names the columns: id, tenant"),
        ("id,tennant\n1,a\n", "line 1: 'tennant' is not a column of a mapping"),
        ("id,tennant\n1,a\n", "(nearest: 'tenant')"),
        ("id,tennant\n1,a\n", "no column 'tenant'"),
        ("id,tenant,id\n1,a,2\n", "line 1: the column 'id' is there twice"),
        ("id;tenant\n1;a\n", "the cells must be separated by commas"),
        ("id,tenant\n1\n", "line 2: there are 1 cells and 2 columns"),
        ("id,tenant\n1,a,b\n", "line 2: there are 3 cells and 2 columns"),
        ("id,tenant\n,a\n", "line 2: id is empty"),
        ("id,tenant\n1, \n", "line 2: tenant is empty"),
        (f"id,tenant\n1,{'a' * 301}\n", "line 2: tenant is longer than 300 characters"),
        ('id,tenant\n"1"x,a\n', "line 2: is not CSV:"),
        ('id,tenant\n1,a\n"2,b\n', "line 3: is not CSV:"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_line(path, text, words):
    assert words in refusal(path, text)
    assert str(path) in refusal(path, text)


def test_all_problems_are_told_at_once_up_to_ten(path):
    words = refusal(path, "id,tenant\n" + ",a\n" * 12)
    assert words.count("id is empty") == 10
    assert words.endswith("; and 2 more")


def test_text_that_is_not_utf_8_is_refused_with_its_line(path):
    path.write_bytes(b"id,tenant\n1,a\n\xfc,b\n")
    with pytest.raises(SourceError, match=r"line 3: is not UTF-8 text; save the file as UTF-8"):
        IdentityFile(path)()


def test_a_file_that_is_not_there_may_come_back(path):
    with pytest.raises(SourceError, match="cannot be read: No such file") as raised:
        IdentityFile(path)()
    assert raised.value.retryable


def test_a_mapping_of_features_needs_no_tenant(path):
    write(path, "id,feature\nchat-api,chat\n")
    assert IdentityFile(path, needs="feature")() == {"chat-api": Identity("", "chat")}
    write(path, "id,tenant\nchat-api,chat\n")
    with pytest.raises(SourceError, match="line 1: no column 'feature'"):
        IdentityFile(path, needs="feature")()


def test_a_mapping_of_anything_else_is_refused(path):
    with pytest.raises(ValueError, match="not of cost_centre"):
        IdentityFile(path, needs="cost_centre")


def test_hostile_names_stay_what_they_are(path):
    names = [name for name in HOSTILE if "\n" not in name and "\ud83d" not in name]
    lines = "\n".join(
        f'"{i}","{name.replace(chr(34), chr(34) * 2)}"' for i, name in enumerate(names)
    )
    found = write(path, f"id,tenant\n{lines}\n")()
    assert [each.tenant for each in found.values()] == [
        name.replace("\0", "\N{REPLACEMENT CHARACTER}") for name in names
    ]
