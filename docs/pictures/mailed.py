"""A mail, and the page that it leads to, as both look on a phone."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, time, timedelta
from html import escape
from io import StringIO
from typing import TYPE_CHECKING

from alerts import store
from alerts.channels.console import ConsoleChannel
from alerts.notice import Picture
from alerts.render.mail import Links, render_html
from alerts.showing import Known, present
from detector.sources.base import Window
from docs.pictures.story import FIRST, HERO, SPIKE, Clock, settings_of
from spendwatch import conversion
from spendwatch.app import build_app
from spendwatch.charts import chart_of
from spendwatch.db import reading
from spendwatch.ingest import pull
from spendwatch.jobs import run_cycle
from spendwatch.mail_links import Reader
from spendwatch.mail_replies import Replies
from spendwatch.pages import inlined
from spendwatch.situation import display_names
from spendwatch.web.answering import alert_page

if TYPE_CHECKING:
    from pathlib import Path

    from alerts.notice import Notification
    from spendwatch.app import App

OWNER = "aiko@contoso.example"
WIDTH, HEIGHT, APART = 310, 800, 20


def mailed_page(folder: Path) -> str:
    """Return both beside each other, the morning after a spike; its database is in ``folder``."""
    clock = Clock(datetime.combine(SPIKE + timedelta(days=1), time(8, 10), UTC))
    (folder / "mailed").mkdir()
    app = build_app(settings_of(folder / "mailed"), clock)
    (source,) = app.usage_sources()
    pull(app, source, Window(FIRST, SPIKE - timedelta(days=1)))
    desk = ConsoleChannel(StringIO(), clock)
    run_cycle(app, {each.name: desk for each in app.settings.receivers}, SPIKE)
    told = _told(app)
    chart = chart_of(app, told) or Picture(b"", "", "")
    data = f"data:image/png;base64,{base64.b64encode(chart.png).decode()}"
    link = Links("https://spend.example/a/1", "https://spend.example/u/1")
    mail = render_html(told.message, link, chart).replace("cid:chart", data)
    reader = Reader("people", OWNER, told.message.about, clock())
    shown = Replies(app).show(reader, told.message.about[0])
    page = alert_page(shown, OWNER, ("", "")).replace(
        '<link rel="stylesheet" href="/style.css">', f"<style>{inlined('web/style.css')}</style>"
    )
    page = page.replace(f"/a//{shown.number}/chart.png", data)
    app.engine.dispose()
    frames = "".join(_frame(html) for html in (mail, page))
    return f'<!doctype html><body style="margin:0;display:flex;gap:{APART}px">{frames}</body>'


def _told(app: App) -> Notification:
    """Return how the alert stands."""
    with reading(app.engine) as session:
        known = Known(display_names(app, session), conversion.teaching(app.settings))
        alerts = store.list_alerts(session)
        found = next(each for each in alerts if HERO in known.names.get(each.tenant, ""))
        return present(session, found, "", known)


def _frame(html: str) -> str:
    size = f'width="{WIDTH}" height="{HEIGHT}" style="border:0"'
    return f'<iframe srcdoc="{escape(html, quote=True)}" {size}></iframe>'
