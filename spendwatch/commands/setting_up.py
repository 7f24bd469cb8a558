"""`spendwatch init` and `spendwatch check`."""

from __future__ import annotations

import os
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

from alerts.numbers import count
from spendwatch import conversion
from spendwatch.app import system_clock
from spendwatch.azure import file_problems
from spendwatch.azure_mappings import Mappings
from spendwatch.commands.checking_live import ask_all, print_seen
from spendwatch.commands.checking_live import facts as live_facts
from spendwatch.commands.checking_live import summary as marks_in_words
from spendwatch.commands.opening import open_settings, parse_pairs
from spendwatch.config_template import AZURE_LOGS, QUESTIONS, read_answers, render_config
from spendwatch.exits import FAILED, UsageProblem
from spendwatch.live import Mark
from spendwatch.outbound import authority_problems
from spendwatch.output import print_json, print_line
from spendwatch.price_files import load_price_table
from spendwatch.settings import ConfigError
from spendwatch.settings_problems import Places
from spendwatch.settings_warnings import find_warnings
from spendwatch.toml_lines import key_lines

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from detector.price_table import PriceTable
    from spendwatch.config_template import Question
    from spendwatch.live import Seen
    from spendwatch.settings import Settings


def init(path: Path, pairs: Sequence[str], *, ask: bool, as_json: bool) -> None:
    """Write a settings file from flags and, on a terminal, from questions; never overwrite one."""
    if path.exists():
        raise UsageProblem(f"{path} exists already; name another file, or move it away first")
    texts = parse_pairs(pairs, "--set")
    known = [question.key for question in QUESTIONS]
    strangers = [key for key in texts if key not in known]
    if strangers:
        raise UsageProblem(f"--set knows {', '.join(known)}; not {', '.join(strangers)}")
    if ask and sys.stdin.isatty():
        _ask_the_rest(texts)
    answers = read_answers(texts)
    config = render_config(answers)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(config, encoding="utf-8")
    if as_json:
        print_json({"written": str(path)})
        return
    live = " --live" if answers.source == AZURE_LOGS else ""
    print_line(f"wrote {path}; now try: spendwatch check{live} --config {path}")


def _ask_the_rest(texts: dict[str, str]) -> None:
    """Ask what the flags did not answer, again where an answer will not do."""
    for question in QUESTIONS:
        if question.key not in texts and question.asked(texts):
            texts[question.key] = _ask(question)


def _ask(question: Question) -> str:
    while True:
        answer = input(f"{question.prompt} [{question.default}]: ").strip() or question.default
        problem = question.problem(answer)
        if not problem:
            return answer
        print_line(f"  {problem}")


def check(config: Path, *, live: bool = False, as_json: bool) -> None:
    """Load everything a cycle would and print all problems, else warnings; opens no database.

    With ``live`` what the settings name is asked too; leaves with 1 where something is wrong.
    """
    settings = open_settings(config)
    prices = load_price_table(
        settings.prices.file,
        agreed=conversion.agreed_prices(settings),
        exchange_rates=conversion.exchange_rates(settings),
        currency=settings.service.currency,
    )
    problems = (
        *_missing_files(settings),
        *file_problems(settings),
        *_unwritable_files(settings),
        *authority_problems(settings),
    )
    if problems and not live:
        raise ConfigError(problems)
    warnings = _warnings(config, settings)
    summary, declared = _summary(settings, prices), _declared(settings)
    if as_json:
        facts = {"config": str(config), "warnings": warnings, **summary, "declared": declared}
        _print_facts(facts, list(ask_all(settings, problems, prices)) if live else None)
        return
    _print_settings(config, problems, warnings, summary, declared)
    if live:
        _check_live(settings, problems, prices)


def _print_settings(
    config: Path,
    problems: Sequence[str],
    warnings: Sequence[str],
    summary: Mapping[str, str],
    declared: Mapping[str, int],
) -> None:
    also = f", {count(len(warnings), 'warning')}" if warnings else ""
    how = count(len(problems), "problem") if problems else "no problems"
    print_line(f"{config}: {how}{also}")
    for warning in warnings:
        print_line(f"  warning: {warning}")
    for name, words in summary.items():
        print_line(f"  {name:<9} {words}")
    things = [count(many, name.replace("_", " ")[:-1]) for name, many in declared.items()]
    print_line(f"declares {', '.join(things)}")


def _print_facts(facts: dict[str, Any], found: Sequence[Seen] | None) -> None:
    wrong = any(each.mark is Mark.WRONG for each in found or ())
    print_json(facts | {"ok": not wrong} | ({} if found is None else {"live": live_facts(found)}))
    if wrong:
        raise SystemExit(FAILED)


def _check_live(settings: Settings, problems: Sequence[str], prices: PriceTable) -> None:
    """Print each line as soon as it is known: what does not answer takes its time."""
    marks: Counter[Mark] = Counter()
    for seen in ask_all(settings, problems, prices):
        print_seen(seen)
        marks[seen.mark] += 1
    print_line(f"live: {marks_in_words(marks)}")
    if marks[Mark.WRONG]:
        raise SystemExit(FAILED)


def _missing_files(settings: Settings) -> tuple[str, ...]:
    return tuple(
        f"sources.{source.name}.path: there is no {source.path}; "
        "a CSV or Parquet file, or a folder of them, is expected there"
        for source in settings.sources
        if source.kind == "csv_file" and not source.path.exists()
    )


def _unwritable_files(settings: Settings) -> tuple[str, ...]:
    """Find the files of receivers that no message could be written to; writes nothing."""
    return tuple(
        f"receivers.{receiver.name}.path: {problem}"
        for receiver in settings.receivers
        if receiver.kind == "console"
        and receiver.path
        and (problem := _why_unwritable(receiver.path))
    )


def _why_unwritable(path: Path) -> str:
    """Say why a file cannot be appended to, or made with its folders; empty where it can."""
    if path.is_dir():
        return f"{path} is a folder; messages are appended to a file, so name one in it"
    there = next(each for each in (path, *path.parents) if os.path.lexists(each))
    if there != path and not there.is_dir():
        return f"{path} cannot be made, because {there} is a file and no folder"
    if not os.access(there, os.W_OK):
        return f"{path} cannot be written: {there} does not let this user write"
    return ""


def _warnings(config: Path, settings: Settings) -> tuple[str, ...]:
    """Say with its line what is worth a look; nothing of it can be set by the environment."""
    places = Places(str(config), key_lines(config.read_text(encoding="utf-8")), {})
    mapped = Mappings(settings).cost_centres()
    return places.sentences(find_warnings(settings, system_clock(), mapped))


def _declared(settings: Settings) -> dict[str, int]:
    """Count what the settings declare."""
    return {
        "tenants": len(settings.tenants),
        "sources": len(settings.sources),
        "budgets": sum(len(tenant.budgets) for tenant in settings.tenants),
        "receivers": len(settings.receivers),
        "routes": len(settings.routes),
        "silences": len(settings.silences),
        "planned_events": len(settings.planned_events),
    }


def _summary(settings: Settings, prices: PriceTable) -> dict[str, str]:
    detection = settings.detection
    return {
        "service": f"days of {settings.service.time_zone}, money in {settings.service.currency}",
        "sources": ", ".join(f"{each.name} ({each.kind})" for each in settings.sources) or "none",
        "detection": f"{detection.method}, z {detection.z:g} over {detection.window_days} days",
        "prices": f"{len(prices.prices)} prices of {len(prices.models)} models",
        "receivers": ", ".join(receiver.name for receiver in settings.receivers),
    }
