"""The page that `spendwatch backtest --html` writes, as text; tests/browser looks at it."""

from __future__ import annotations

import re
from datetime import date, timedelta
from html import unescape
from html.parser import HTMLParser

import pytest

from spendwatch import cli
from spendwatch.commands import replay_page
from spendwatch.exits import run_reporting_errors
from spendwatch.pages import content_hash, inlined

FIRST = date(2025, 6, 1)
DAYS, SPIKE = 70, 50
HOSTILE = {
    "<script>alert(1)</script>": "&lt;script&gt;alert(1)&lt;/script&gt;",
    '=hyperlink("x";"y")': "&#39;=hyperlink(&#34;x&#34;;&#34;y&#34;)",
    "חברה בע״מ": "חברה בע״מ",
    "acme & \"sons\" 'x'": "acme &amp; &#34;sons&#34; &#39;x&#39;",
}
VOID = {"meta", "link", "input", "path"}


class Outline(HTMLParser):
    """Collects tags with their attributes, and refuses what is not closed in its turn."""

    def __init__(self, text):
        super().__init__()
        self.tags, self._open = [], []
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


def write_usage(folder, names, spike=9, days=DAYS):
    """Steady use of everybody, with one day of so many times the usual."""
    lines = ["date,tenant,feature,model,prompt_tokens,completion_tokens"]
    for step in range(days):
        for number, name in enumerate(names):
            tokens = (400 + 10 * number + step % 7) * 10**5
            tokens *= spike if step == SPIKE else 1
            quoted = name.replace('"', '""')
            lines.append(f'{FIRST + timedelta(days=step)},"{quoted}",chat,gpt-4o,{tokens},1000')
    path = folder / "usage.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def page(usage, *words, code=0):
    target = usage.parent / "page.html"
    given = ("backtest", "--usage", str(usage), "--html", str(target), *words)
    assert run_reporting_errors(cli.app, given) == code
    return target.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def usage(tmp_path_factory):
    return write_usage(tmp_path_factory.mktemp("usage"), HOSTILE)


@pytest.fixture(scope="module")
def shown(usage):
    return page(usage, "--method", "classic")


def test_every_page_is_a_row_with_its_day_its_chart_and_why(shown):
    outline = Outline(shown)
    charts = [each for each in outline.all("svg") if each.get("role") == "img"]
    assert len(charts) == outline.all("details").count({}) - 1 == len(HOSTILE)
    assert all("on Mon 21 Jul, expected $" in each["aria-label"] for each in charts)
    assert shown.count('<td data-label="Day">2025-07-21</td>') == len(HOSTILE)
    assert shown.count("<dt>Against</dt><dd>lowest to highest day") == len(HOSTILE)


def rows_of(text, title):
    """The cells of each table of a title, row by row."""
    tables = re.findall(rf"<caption>{title}</caption>(.*?)</table>", text, re.DOTALL)
    return [
        [re.findall(r"<td>(.*?)</td>", row) for row in re.findall(r"<tr>(.*?)</tr>", table)[1:]]
        for table in tables
    ]


def test_each_alert_gives_account_of_its_points_and_they_add_up_to_its_score(usage):
    shown = page(usage, "--method", "robust")
    tables = rows_of(shown, "points of prompt length")
    scores = re.findall(r'<td data-label="Score" class="number" data-value="(.*?)"', shown)
    assert len(tables) == len(scores) == len(HOSTILE)
    for rows, score in zip(tables, scores, strict=True):
        *parts, (name, *_, total) = rows
        assert name == "sum"
        assert sum(float(row[-1]) for row in parts) == pytest.approx(float(total), abs=0.1)
        assert float(total) == pytest.approx(float(score), abs=0.01)
    conditions = rows_of(shown, "conditions of prompt length")
    assert len(conditions) == len(HOSTILE)
    assert {row[-1] for rows in conditions for row in rows} == {"yes"}


def test_by_one_number_the_conditions_say_which(shown):
    conditions = rows_of(shown, "conditions of z-score")
    assert len(conditions) == len(HOSTILE)
    assert all(rows[-3][:2] == ["change in dollars", "min_excess_usd"] for rows in conditions)


def test_names_are_text_whatever_they_say(shown):
    for name in HOSTILE.values():
        assert f"<bdi>{name}</bdi>" in shown
    scripts = re.findall(r"<script.*?>", shown)
    assert scripts == ["<script>"]
    assert "alert(1)</script>" not in shown


def test_a_direction_override_in_a_name_turns_nothing_around(tmp_path):
    said = page(write_usage(tmp_path, ["evil\N{RIGHT-TO-LEFT OVERRIDE}moc"]))
    assert "\N{RIGHT-TO-LEFT OVERRIDE}" not in said
    assert "<bdi>evilmoc</bdi>" in said


def test_the_page_loads_nothing_and_allows_nothing_but_its_own_style_and_script(shown):
    outline = Outline(shown)
    addresses = [each[key] for _, each in outline.tags for key in ("src", "href") if key in each]
    assert addresses == ["data:,"]
    (policy,) = [each["content"] for each in outline.all("meta") if "http-equiv" in each]
    assert "default-src 'none'" in policy
    for name, kind in (("page.css", "style"), ("sort.js", "script")):
        (inside,) = re.findall(rf"<{kind}>(.*?)</{kind}>", shown, re.DOTALL)
        assert inside == inlined(name)
        assert f"{kind}-src '{content_hash(inside)}'" in unescape(policy)
    assert [each for _, each in outline.tags if "style" in each or "onclick" in each] == []


def test_the_page_says_its_language_title_figures_and_settings(shown):
    outline = Outline(shown)
    assert outline.all("html") == [{"lang": "en"}]
    assert "<title>Backtest of usage.csv, 2025-07-01 to 2025-08-09</title>" in shown
    assert '<td data-label="Pages" class="number">4</td>' in shown
    assert "40 days judged, 4 tenants" in " ".join(shown.split())
    assert re.search(r"min_excess_usd</th><td>5</td>", shown)
    assert "Answer</th>" not in shown
    assert "only here" not in shown


def test_two_sides_say_what_each_finds_alone(usage):
    said = page(usage, "--method", "classic", "--compare", "z=3", "min_excess_usd=5000")
    outline = Outline(said)
    assert [each.get("class") for each in outline.all("section")] == ["side", "side"]
    assert said.count('<tbody class="alone">') == said.count("only here") == len(HOSTILE)
    assert "Nobody would have been told of anything." in said
    assert "<strong>5000</strong>" in said
    assert '<td data-label="Found by it alone" class="number">4</td>' in said


def test_a_broken_gate_stands_on_the_page(usage):
    said = page(usage, "--method", "classic", "--gate", "max-pages=0.01", code=1)
    assert "<strong>Gate broken:</strong> 0.761 pages per tenant-month are more than 0.01" in said


def test_of_very_many_alerts_the_largest_are_drawn_and_the_page_says_so(tmp_path):
    many = replay_page.MOST_ALERTS + 20
    names = [f"t{number:04}" for number in range(many)]
    said = page(write_usage(tmp_path, names, days=SPIKE + 2), "--method", "classic")
    assert said.count('role="img"') == replay_page.MOST_ALERTS
    assert f"Shown are the 500 of {many} with the largest change" in said
    # Who spends most rose by most.
    assert "<bdi>t0519</bdi>" in said
    assert "<bdi>t0019</bdi>" not in said


def test_the_page_is_the_same_each_time(usage, shown):
    assert page(usage, "--method", "classic") == shown
