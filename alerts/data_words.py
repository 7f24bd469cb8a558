"""What findings about the data itself say: sources, rows, prices and tenants that are missing."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from alerts.facts import Words, fact, fact_day, show_price
from alerts.names import safe_name
from alerts.notice import Action, Line
from alerts.numbers import count, full_day, moment, money, percent
from detector.model import UNATTRIBUTED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from detector.model import Finding

CAUSE_LIMIT = 80
"""Letters of one id: three of them are one line."""
_COVERAGE = Action("see what to change", "spendwatch coverage")
_LIVE = Action("see what it lacks", "spendwatch check --live")


def unpriced_model(finding: Finding, _: str) -> Words:
    """Tell of use whose model has no price."""
    tokens = count(int(finding.facts.get("tokens", finding.magnitude)), "token")
    tenants = count(int(finding.facts.get("tenants", 0)), "tenant")
    model = finding.subject
    return Words(
        who=safe_name(model),
        what=f"no price is known for {tokens} on {full_day(finding.day)}",
        lines=(
            Line("What", f"used by {tenants}; the cost is unknown, not 0: the day is incomplete"),
            Line("Why", fact(finding, "reason")),
        ),
        look=(show_price(model), Action("add its price", "spendwatch prices import FILE")),
    )


def rejected_usage(finding: Finding, _: str) -> Words:
    """Tell of rows that had to be refused, or kept with a remark."""
    rows, kept = (int(finding.facts.get(key, 0)) for key in ("rows", "kept"))
    counted = [f"{count(rows, 'usage row')} refused"] if rows else []
    counted += [f"{count(kept, 'usage row')} kept with a remark"] if kept else []
    return Words(
        who=f"source {fact(finding, 'source')}",
        what=f"{', '.join(counted) or 'usage rows refused'} on {full_day(finding.day)}",
        lines=(Line("Why", fact(finding, "reasons")), Line("First", fact(finding, "first"))),
    )


def source_stale(finding: Finding, _: str) -> Words:
    """Tell of a source that is silent, for a day or from the beginning."""
    if "stopped_at" in finding.facts:
        return _stopped_early(finding)
    if "never_spoke" in finding.facts:
        return _never_spoke(finding)
    usual = int(finding.facts.get("usual_rows", 0))
    usually = f" (usually {count(usual, 'row')} a day)" if usual else ""
    last = fact_day(finding, "last_day")
    return Words(
        who=f"source {fact(finding, 'source')}",
        what=f"silent, no usage for {full_day(finding.day)}{usually}",
        lines=(
            Line("What", f"last usage is of {last}" if last else "it gave no usage so far"),
            Line("Data", "until it speaks again nobody's spend is judged, up or down"),
        ),
    )


def _never_spoke(finding: Finding) -> Words:
    return Words(
        who=f"source {fact(finding, 'source')}",
        what="silent, it gave no usage for any day so far",
        lines=(
            Line("What", "it was asked and answers; there is nothing in what it answers"),
            Line("Data", "what is spent there is not watched; everything else is"),
        ),
        look=(_LIVE,),
    )


def _stopped_early(finding: Finding) -> Words:
    at = moment(datetime.fromisoformat(str(finding.facts["stopped_at"])))
    return Words(
        who=f"source {fact(finding, 'source')}",
        what=f"silent since {at}, so {full_day(finding.day)} is not all there",
        lines=(
            Line("What", "it usually gives usage for hours longer than that"),
            Line("Data", "rises of the day are judged, drops are not until the rest is there"),
        ),
        look=(_COVERAGE,),
    )


def source_failing(finding: Finding, _: str) -> Words:
    """Tell of a source that cannot be read."""
    return Words(
        who=f"source {fact(finding, 'source')}",
        what=f"cannot be read for {full_day(finding.day)}",
        lines=(Line("Why", fact(finding, "error")),),
        look=(Action("ask it now", "spendwatch check --live"),),
    )


MOST_CAUSES = 3


def attribution_gap(finding: Finding, _: str) -> Words:
    """Tell of cost that has no tenant, or of calls that are in no cost."""
    if "calls" in finding.facts:
        return _calls_without_tokens(finding)
    share = percent(float(finding.facts.get("share", 0)))
    usual = finding.facts.get("usual_share")
    usually = f", usually {percent(float(usual))}" if usual is not None else ""
    cost = money(int(finding.facts.get("usd_micro", finding.magnitude)))
    return Words(
        who="unattributed",
        what=f"{share} of the cost of {full_day(finding.day)} has no tenant ({cost})",
        lines=(
            Line("What", f"{cost} that no tenant's baseline or budget sees{usually}"),
            *_causes(finding),
            *_untold(finding),
        ),
        look=(
            Action("see where", f"spendwatch costs --tenant {UNATTRIBUTED}"),
            *((_COVERAGE,) if "causes" in finding.facts else ()),
        ),
    )


def _causes(finding: Finding) -> Iterator[Line]:
    """Name the ids that cost most; the others are counted."""
    keys = [f"cause_{number}" for number in range(1, MOST_CAUSES + 1)]
    named = [
        f"{safe_name(str(finding.facts[key]), CAUSE_LIMIT)} "
        f"({money(int(finding.facts.get(f'{key}_micro_usd', 0)))})"
        for key in keys
        if key in finding.facts
    ]
    more = int(finding.facts.get("causes", 0)) - len(named)
    others = f"; and {count(more, 'other')}" if more > 0 else ""
    if named:
        yield Line("Why", f"most of it from {'; '.join(named)}{others}")


def _untold(finding: Finding) -> Iterator[Line]:
    """Count what telemetry lacks besides; it may be the cause."""
    rows, calls = (
        int(finding.facts.get(key, 0)) for key in ("rows_without_call", "without_tokens")
    )
    said = [f"{count(rows, 'row')} of tokens whose call was not logged"] if rows else []
    said += [f"{count(calls, 'call')} that told no tokens"] if calls else []
    if said:
        yield Line("Data", " and ".join(said))


def _calls_without_tokens(finding: Finding) -> Words:
    """Tell of calls that are billed and in no cost, as they told no tokens."""
    share = percent(float(finding.facts.get("share", 0)))
    without, calls, streamed = (
        int(finding.facts.get(key, 0)) for key in ("without_tokens", "calls", "streamed")
    )
    unseen = f", about {money(finding.magnitude)} unseen" if finding.magnitude else ""
    api = safe_name(str(finding.facts.get("api") or "no API named"), CAUSE_LIMIT)
    return Words(
        who=f"source {fact(finding, 'source')}",
        what=f"{share} of the calls of {full_day(finding.day)} told no tokens{unseen}",
        lines=(
            Line("What", f"{without:,} of {calls:,} calls are billed and in nobody's cost"),
            Line("Why", f"most of them of API {api}; {count(streamed, 'call')} were streams"),
        ),
        look=(_COVERAGE,),
    )
