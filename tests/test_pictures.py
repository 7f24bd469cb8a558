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
from docs.pictures.story import HERO, headline, tell

ROOT = Path(__file__).parents[1]
PICTURES = sorted((ROOT / "docs/pictures").glob("*.png"))
IMAGE = re.compile(r'<img src="([^"]+)" width="(\d+)" alt="([^"]+)">')
SHORTEST = 40
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


@pytest.mark.parametrize(
    "page", ["README.md", "docs/slack.md", "docs/backtest.md", "docs/email.md"]
)
def test_a_picture_is_shown_as_it_was_drawn_with_words_for_whoever_does_not_see_it(page):
    shown = IMAGE.findall((ROOT / page).read_text(encoding="utf-8"))
    assert [source for source, _, _ in shown if not ((ROOT / page).parent / source).exists()] == []
    assert {int(width) for _, width, _ in shown} == {WIDTH}
    assert min(len(words) for _, _, words in shown) > SHORTEST


def test_every_picture_is_shown():
    pages = "".join(page.read_text(encoding="utf-8") for page in (ROOT / "docs").glob("*.md"))
    drawn = [path for path in (ROOT / "docs/pictures").iterdir() if path.suffix in (".png", ".svg")]
    assert {Path(source).name for source, _, _ in IMAGE.findall(pages)} == {
        picture.name for picture in drawn
    }


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


def test_the_story_that_the_pictures_show_still_happens(tmp_path):
    scenes = tell(tmp_path)
    told = [headline(blocks) for blocks in (scenes.arrived, scenes.acknowledged, scenes.resolved)]
    assert all(HERO in line for line in told)
    assert ["acknowledged" in line for line in told] == [False, True, False]
    assert scenes.chart.startswith(b"\x89PNG")
