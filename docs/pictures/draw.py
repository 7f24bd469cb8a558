"""Draws the pictures of the documentation: `make pictures`.

A Chromium that is installed (`chromium`, `google-chrome`, or what CHROMIUM names) takes them.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image, ImageChops

from docs.pictures.backtest import backtest_page
from docs.pictures.mailed import mailed_page
from docs.pictures.page import Page, document
from docs.pictures.story import NAMES, Scenes, tell

FOLDER = Path(__file__).parent
WIDTH, SHARPER, TALLEST = 640, 2, 1_600
COLOURS = 128
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def main() -> None:
    """Draw every picture anew."""
    browser = find_browser()
    with tempfile.TemporaryDirectory() as folder:
        pages = compose(tell(Path(folder)))
        whole = {name: document(body, WIDTH) for name, body in pages.items()}
        others = {"backtest": backtest_page(Path(folder)), "mailed": mailed_page(Path(folder))}
        for name, html in (whole | others).items():
            photograph(browser, html, Path(folder), FOLDER / f"{name}.png")
            size = (FOLDER / f"{name}.png").stat().st_size
            sys.stdout.write(f"docs/pictures/{name}.png: {size:,} bytes\n")


def compose(scenes: Scenes) -> dict[str, str]:
    """Return what each picture shows, by its name."""
    page = Page(NAMES)
    told = "Fri 13 Nov, 08:10"
    return {
        "arrived": page.message(scenes.arrived, told) + page.reply(scenes.chart, "the chart", told),
        "acknowledged": page.message(scenes.acknowledged, told),
        "dismiss": page.form(scenes.dismissal),
        "home": page.home(scenes.home),
        "resolved": page.message(scenes.resolved, told),
    }


def find_browser() -> str:
    """Return the program that takes the pictures."""
    named = os.environ.get("CHROMIUM", "")
    found = next(filter(None, map(shutil.which, [named] if named else BROWSERS)), None)
    if found is None:
        sys.exit("make pictures: needs Chromium; CHROMIUM=/path/to/it names one")
    return found


def photograph(browser: str, html: str, folder: Path, target: Path) -> None:
    """Take a picture of a page, as high as the page is."""
    source, taken = folder / "page.html", folder / "taken.png"
    source.write_text(html, encoding="utf-8")
    subprocess.run(  # noqa: S603 - the browser that was asked for, on a page of our own
        [
            browser,
            "--headless",
            # Chromium has no sandbox for root, and the page is our own.
            *(["--no-sandbox"] if os.geteuid() == 0 else []),
            "--disable-gpu",
            "--hide-scrollbars",
            f"--user-data-dir={folder / 'browser'}",
            f"--force-device-scale-factor={SHARPER}",
            f"--window-size={WIDTH},{TALLEST}",
            f"--screenshot={taken}",
            source.as_uri(),
        ],
        check=True,
        capture_output=True,
        timeout=120,
    )
    trimmed(Image.open(taken).convert("RGB")).quantize(
        COLOURS, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE
    ).save(target, "PNG", optimize=True)


def trimmed(picture: Image.Image) -> Image.Image:
    """Return a picture without the empty page below what it shows."""
    blank = Image.new("RGB", picture.size, picture.getpixel((0, 0)))
    box = ImageChops.difference(picture, blank).getbbox()
    if box is None:
        sys.exit("make pictures: the browser drew an empty page")
    margin = box[0]
    return picture.crop((0, 0, picture.width, min(picture.height, box[3] + margin)))


if __name__ == "__main__":
    main()
