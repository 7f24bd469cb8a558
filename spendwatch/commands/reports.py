"""`spendwatch costs`, `tenants` and `budgets`."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from alerts.numbers import count, day_list, exact_money, money, percent
from detector import ledger
from detector.history import consecutive_days
from detector.model import UNATTRIBUTED, normalise_tenant
from detector.recording import partial_days
from spendwatch.budgeting import budget_states
from spendwatch.commands.opening import open_app, parse_groups
from spendwatch.db import reading
from spendwatch.exits import UsageProblem
from spendwatch.moments import local_words
from spendwatch.output import print_json, print_line, print_table
from spendwatch.situation import display_names

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from sqlmodel import Session

    from detector.ledger import CostSum
    from detector.model import BudgetState
    from spendwatch.app import App

_MOST_OPEN_DAYS = timedelta(days=31)
GROUPS = ("tenant", "feature", "model", "deployment", "scope", "source", "day")
DEFAULT_DAYS = 30


def costs(
    config: Path,
    *,
    by: str,
    tenant: str,
    first: date | None,
    last: date | None,
    revised: bool,
    as_json: bool,
) -> None:
    """Sum the ledger by any columns of its key."""
    app = open_app(config)
    last = last or app.last_settled_day()
    first = first or last - timedelta(days=DEFAULT_DAYS - 1)
    if first > last:
        raise UsageProblem(f"--from {first} is after --to {last}")
    wanted = app.directory.canonical(normalise_tenant(tenant)) if tenant else ""
    if revised:
        _print_revisions(app, first, last, wanted, as_json=as_json)
        return
    groups = parse_groups(by, GROUPS)
    sums = _sums(app, first, last, groups, wanted)
    if as_json:
        print_json([_cost_facts(groups, each) for each in sums])
        return
    with reading(app.engine) as session:
        names = display_names(app, session)
    total = sum(each.micro_usd for each in sums)
    rows = [_cost_row(groups, each, total, names) for each in sums]
    unpriced = sum(each.unpriced_tokens for each in sums)
    rows.append(["total", *[""] * (len(groups) - 1), _cost(total, unpriced), "", "", "", ""])
    headings = [*groups, "cost", "share", "tokens", "requests", "remarks"]
    print_table(headings, rows, f"{first} to {last}", words=len(groups))
    for words in provisional_words(app, first, last):
        print_line(words)


def provisional_words(app: App, first: date, last: date) -> Iterator[str]:
    """Say which of some days may still change, or lack rows."""
    zone, settled = app.directory.default_zone, app.last_settled_day()
    days = consecutive_days(max(first, settled - _MOST_OPEN_DAYS), last)
    changing = [day for day in days if not app.is_final(day)]
    if changing:
        until = local_words(app.final_at(changing[-1]), zone)
        yield f"{day_list(changing)} may still change, until {until} in {zone.key}"
    with reading(app.engine) as session:
        lacking = partial_days(session, first, last)
    if partial := [day for day in lacking if day <= settled]:
        yield f"partial, rows may be missing: {day_list(partial)}"
    if running := [day for day in lacking if day > settled]:
        yield f"not settled, only what is known so far: {day_list(running)}"


def _sums(app: App, first: date, last: date, groups: Sequence[str], tenant: str) -> list[CostSum]:
    """Sum the ledger with aliases applied, dearest first (days in their order)."""
    asked = list(dict.fromkeys([*groups, "tenant"]))
    with reading(app.engine) as session:
        stored = ledger.sum_costs(session, first, last, asked)
    parts: dict[tuple[str, ...], list[CostSum]] = defaultdict(list)
    for each in stored:
        owner = app.directory.canonical(each.group[asked.index("tenant")])
        if tenant in ("", owner):
            key = [owner if name == "tenant" else each.group[asked.index(name)] for name in groups]
            parts[tuple(key)].append(each)
    sums = [ledger.add_sums(group, same) for group, same in parts.items()]
    if "day" in groups:
        return sorted(sums, key=lambda each: (each.group[groups.index("day")], -each.micro_usd))
    return sorted(sums, key=lambda each: -each.micro_usd)


def _cost_row(
    groups: Sequence[str], each: CostSum, total: int, names: Mapping[str, str]
) -> list[str]:
    group = (
        names.get(part, part) if name == "tenant" else part
        for name, part in zip(groups, each.group, strict=True)
    )
    return [
        *(part or "(none)" for part in group),
        _cost(each.micro_usd, each.unpriced_tokens),
        percent(each.micro_usd, total),
        f"{each.prompt_tokens + each.completion_tokens:,}",
        f"{each.requests:,}",
        _remarks(each),
    ]


def _cost(micro_usd: int, unpriced_tokens: int) -> str:
    """Write a cost; where some of the use has no price it is a lower bound, or unknown."""
    if not unpriced_tokens:
        return money(micro_usd)
    return f"at least {money(micro_usd)}" if micro_usd else "unknown"


def _remarks(each: CostSum) -> str:
    remarks = []
    if each.unpriced_tokens:
        remarks.append(f"{each.unpriced_tokens:,} tokens without a price")
    if each.shadow:
        remarks.append("PTU at shadow rate")
    if each.upper_bound:
        remarks.append("upper bound: cached tokens unknown")
    return "; ".join(remarks)


def _cost_facts(groups: Sequence[str], each: CostSum) -> dict[str, Any]:
    return dict(zip(groups, each.group, strict=True)) | {
        "micro_usd": each.micro_usd,
        "prompt_tokens": each.prompt_tokens,
        "completion_tokens": each.completion_tokens,
        "requests": each.requests,
        "unpriced_tokens": each.unpriced_tokens,
        "shadow": each.shadow,
        "upper_bound": each.upper_bound,
    }


def _known(micro_usd: int | None) -> str:
    return "unknown" if micro_usd is None else money(micro_usd)


def _print_revisions(app: App, first: date, last: date, tenant: str, *, as_json: bool) -> None:
    with reading(app.engine) as session:
        names = display_names(app, session)
        found = [
            each
            for each in ledger.revisions(session, first, last)
            if tenant in ("", app.directory.canonical(each.tenant))
        ]
    if as_json:
        print_json([each._asdict() for each in found])
        return
    rows = [
        [
            names.get(each.tenant, each.tenant),
            each.day.isoformat(),
            _known(each.before_micro_usd),
            _known(each.now_micro_usd),
            each.cause,
            f"{each.replaced_at:%Y-%m-%d %H:%M} UTC",
        ]
        for each in found
    ]
    print_table(["tenant", "day", "was", "now", "cause", "revised at"], rows, words=2)
    if not rows:
        print_line(f"nothing from {first} to {last} was revised")


def tenants(config: Path, *, as_json: bool) -> None:
    """List everybody who ever had use, and everybody configured."""
    app = open_app(config)
    last = app.last_settled_day()
    first = last - timedelta(days=DEFAULT_DAYS - 1)
    with reading(app.engine) as session:
        names = display_names(app, session)
        since = ledger.first_days(session, app.directory.canonical)
    spent = {each.group[0]: each.micro_usd for each in _sums(app, first, last, ("tenant",), "")}
    configured = {tenant.id: tenant for tenant in app.settings.tenants}
    facts = []
    for tenant in sorted(since.keys() | configured.keys()):
        settings = configured.get(tenant)
        facts.append(
            {
                "id": tenant,
                "name": names.get(tenant, tenant),
                "owner": settings.owner if settings else "",
                "cost_centre": settings.cost_centre if settings else "",
                "time_zone": str(app.directory.zone_of(tenant)),
                "first_day": since.get(tenant),
                "micro_usd": spent.get(tenant, 0),
            }
        )
    if as_json:
        print_json(facts)
        return
    print_table(
        ["tenant", "owner", "cost centre", "time zone", "since", "last 30 days"],
        [_tenant_row(each) for each in facts],
        words=4,
    )


def _tenant_row(facts: dict[str, Any]) -> list[str]:
    name = "(no tenant)" if facts["id"] == UNATTRIBUTED else facts["name"]
    since = facts["first_day"].isoformat() if facts["first_day"] else "no use yet"
    return [
        name,
        facts["owner"],
        facts["cost_centre"],
        facts["time_zone"],
        since,
        money(facts["micro_usd"]),
    ]


def budgets(config: Path, tenant: str, day: date | None, *, as_json: bool) -> None:
    """Show every budget's state, or one tenant's, at the end of a day."""
    app = open_app(config)
    day = day or app.last_settled_day()
    wanted = app.directory.canonical(normalise_tenant(tenant)) if tenant else ""
    with reading(app.engine) as session:
        names = display_names(app, session)
        states = [
            state for state in budget_states(app, session, day) if wanted in ("", state.tenant)
        ]
        missing = _missing_days(app, session, states, day)
    if as_json:
        print_json([_budget_facts(state) for state in states])
        return
    rows = [_budget_row(state, names.get(state.tenant, state.tenant)) for state in states]
    print_table(
        [
            "budget",
            "period",
            "cap",
            "spent",
            "share",
            "burn rate",
            "forecast",
            "80 % interval",
            "cap reached",
        ],
        rows,
        f"at the end of {day}",
        words=2,
    )
    for gap in missing:
        print_line(gap)
    if not rows:
        print_line("no budgets configured; add [[tenants.budgets]] to the settings")


def _missing_days(
    app: App, session: Session, states: Sequence[BudgetState], day: date
) -> list[str]:
    """Say which days of the budget periods hold no data: then spent is only a lower bound."""
    if not states:
        return []
    days = consecutive_days(min(state.starts_on for state in states), day)
    pulled, _ = ledger.day_states(session, days, app.source_names)
    begun = [other for other, known in zip(days, pulled, strict=True) if known][:1]
    missing = [
        other
        for other, known in zip(days, pulled, strict=True)
        if not known and begun and other > begun[0]
    ]
    if not missing:
        return []
    return [
        f"no data of {count(len(missing), 'day')} ({day_list(missing)}): spent is a lower bound, "
        "and the burn rate too low"
    ]


def _budget_facts(state: BudgetState) -> dict[str, Any]:
    return {name: getattr(state, name) for name in state.__slots__}


def _budget_row(state: BudgetState, name: str) -> list[str]:
    known = state.forecast_micro_usd is not None
    return [
        f"{name} / {state.feature}" if state.feature else name,
        f"{state.period} from {state.starts_on}",
        exact_money(state.cap_micro_usd),
        money(state.spent_micro_usd) + (" at least" if state.unknown_cost else ""),
        percent(state.spent_micro_usd, state.cap_micro_usd),
        "" if state.burn_rate is None else f"{state.burn_rate:.2f}",
        money(state.forecast_micro_usd or 0) if known else "too early",
        f"{money(state.low_micro_usd or 0)} to {money(state.high_micro_usd or 0)}" if known else "",
        state.reached_on.isoformat() if state.reached_on else "",
    ]
