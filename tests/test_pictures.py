"""The pictures of the documentation: small, sharp, and of everything that a message says."""

from __future__ import annotations

import json
import re
from html import unescape
from pathlib import Path

import pytest
from PIL import Image

from docs.pictures.draw import SHARPER, WIDTH
from docs.pictures.page import Page

ROOT = Path(__file__).parents[1]
PICTURES = sorted((ROOT / "docs/pictures").glob("*.png"))
GOLDEN = sorted((ROOT / "tests/golden/slack").glob("*.json"))


def texts(value):
    """Every text of blocks, in whatever it stands."""
    if isinstance(value, list):
        return [text for each in value for text in texts(each)]
    if not isinstance(value, dict):
        return []
    if isinstance(value.get("text"), str):
        return [value["text"]]
    inner = [each for key, each in value.items() if key != "options" or "placeholder" not in value]
    return texts(inner)


@pytest.mark.parametrize("picture", PICTURES, ids=lambda path: path.stem)
def test_a_picture_is_sharp_and_small(picture):
    with Image.open(picture) as image:
        assert image.width == WIDTH * SHARPER
    assert picture.stat().st_size < 150_000


@pytest.mark.parametrize("picture", PICTURES, ids=lambda path: path.stem)
def test_a_picture_is_shown_with_words_for_whoever_does_not_see_it(picture):
    page = (ROOT / "docs/slack.md").read_text(encoding="utf-8")
    (words,) = re.findall(rf"!\[([^\]]*)\]\(pictures/{picture.name}\)", page)
    assert len(words) > 40


@pytest.mark.parametrize("file", GOLDEN, ids=lambda path: path.stem)
def test_a_picture_leaves_out_nothing_that_is_read(file):
    blocks = json.loads(file.read_text(encoding="utf-8"))["blocks"]
    drawn = unescape(re.sub(r"<[^>]+>", "", Page({}).body(blocks)))
    assert [text for text in texts(blocks) if text not in drawn] == []


def test_a_name_stays_a_name_on_the_page():
    text = {"type": "plain_text", "text": "<b onload=x>&"}
    assert Page({}).body([{"type": "header", "text": text}]) == "<h2>&lt;b onload=x&gt;&amp;</h2>"


def test_a_block_that_is_not_known_is_not_left_out():
    with pytest.raises(KeyError):
        Page({}).body([{"type": "image"}])
