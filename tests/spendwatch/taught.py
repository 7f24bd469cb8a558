"""A company judged by `robust`, and what is judged of every tenant on every day, told or not."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import timedelta

import numpy as np

from alerts import store
from alerts.replies import Answer, answer, midnight
from detector.rules import Rules
from detector.sources.base import Window
from spendwatch import conversion
from spendwatch.db import reading, writing
from spendwatch.ingest import pull
from spendwatch.judging import assess
from tests.spendwatch.installations import CONFIG, FIRST, Installation

ROBUST = CONFIG.replace('"classic"', '"robust"')
HEADER = "date,tenant,feature,model,prompt_tokens,completion_tokens"
TENANTS = ("acme", "bolt", "corp", "dune", "echo", "flux", "gale")
FEATURES = {"chat": 60, "search": 30, "mail": 10}
SPIKE, LAST = 75, 139
"""Steps from the first day: acme's search costs eight times as much; the last day there is."""
EVERYTHING = Rules(
    bar=-20.0, min_excess_micro_usd=0, min_excess_percent=0.0, first_spend_micro_usd=None
)
"""Rules that tell of everybody on every day, so that nothing that is judged stays unseen."""


def day(step):
    return FIRST + timedelta(days=step)


def rows_of(step, noise, times):
    """What every tenant uses on one day; ``times`` multiplies a tenant's feature."""
    for tenant, row in zip(TENANTS, noise[step], strict=True):
        for (feature, dollars), one in zip(FEATURES.items(), row, strict=True):
            cost = dollars * one * times.get((step, tenant, feature), 1)
            yield f"{tenant},{feature},gpt-4o,{round(cost * 300_000)},{round(cost * 25_000)}"


class Company(Installation):
    """Half a year of use in daily files; the days up to the spike are pulled and judged."""

    def __init__(self, folder, extra="", times=None):
        super().__init__(folder, ROBUST, extra)
        self.times = {(SPIKE, "acme", "search"): 8, **(times or {})}
        shape = (LAST + 1, len(TENANTS), len(FEATURES))
        self.noise = np.exp(np.random.default_rng(7).normal(0, 0.1, shape))

    def begin(self):
        for step in range(SPIKE + 1):
            self.write(step)
        self.now += timedelta(days=SPIKE)
        self.pull(0, SPIKE - 1)
        for step in range(SPIKE - 2, SPIKE + 1):
            self.judge(day(step))
        return self

    def write(self, step):
        self.write_day(day(step), rows_of(step, self.noise, self.times), HEADER)

    def pull(self, first, last):
        app = self.app()
        (source,) = app.usage_sources()
        pull(app, source, Window(day(first), day(last)))

    def go_on(self):
        """Pull the rest of the days as they would come, without a word to anybody."""
        for step in range(SPIKE + 1, LAST + 1):
            self.write(step)
        self.now += timedelta(days=LAST - SPIKE)
        self.pull(SPIKE + 1, LAST)

    def twin(self, folder):
        """Return the same company as it stands, in another folder."""
        shutil.copytree(self.folder, folder)
        other = Company.__new__(Company)
        other.__dict__.update(self.__dict__)
        other.folder, other.config = folder, folder / "config.toml"
        other.usage = folder / "usage"
        return other

    def answer(self, number, verb, verdict=None, until=None):
        app = self.app()
        given = Answer(verb, "ana", verdict, until=midnight(until) if until else None)
        with writing(app.engine) as session:
            return answer(
                session, number, given, app.clock(), conversion.teaching(app.settings)
            ).lesson

    def alerts(self):
        with reading(self.app().engine) as session:
            return store.list_alerts(session)

    def judged(self, steps=range(SPIKE - 1, LAST + 1)):
        """Judge days again, and tell of everybody; by step, what was found of each tenant."""
        app = self.app()
        app = replace(app, book=replace(app.book, everyone=EVERYTHING))
        with reading(app.engine) as session:
            return {
                step: {found.tenant: found for found in assess(app, session, day(step)).findings}
                for step in steps
            }


def differences(before, after):
    """By tenant, the steps whose judgement is another."""
    changed = {}
    for step, found in after.items():
        for tenant in found.keys() | before[step].keys():
            if found.get(tenant) != before[step].get(tenant):
                changed.setdefault(tenant, []).append(step)
    return changed
