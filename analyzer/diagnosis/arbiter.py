"""The one place that says "confirmed": claims of all causes become statuses and one verdict."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from msgspec import Struct
from msgspec.structs import replace

from analyzer.diagnosis.model import CauseName, HypothesisStatus, VerdictStatus
from analyzer.diagnosis.weigh import CLAIM_ORDER, Hypothesis, Symptoms

# A rival below this strength does not stand in the way, and alone makes no verdict.
OPEN = 1.0
# What must be testable before a direct claim is confirmed: the rivals that print the same words.
MUST_TEST: dict[str, frozenset[str]] = {
    "max_map_count": frozenset({"rlimit_as"}),
    "rlimit_as": frozenset({"max_map_count"}),
    "overcommit": frozenset({"max_map_count", "rlimit_as"}),
    "rlimit_data": frozenset({"max_map_count", "rlimit_as"}),
    "address_space_32bit": frozenset({"max_map_count"}),
    "threads": frozenset({"max_map_count"}),
}
STATUS: dict[str, HypothesisStatus] = {
    "direct": "confirmed",
    "strong": "likely",
    "consistent": "possible",
    "ruled_out": "ruled_out",
    "untestable": "untestable",
}


class Settled(Struct, frozen=True):
    """A hypothesis with the status that the arbiter gives it."""

    hypothesis: Hypothesis
    status: HypothesisStatus


class Decision(Struct, frozen=True):
    """The verdict, the hypothesis it stands on (None when nothing decides), and all others."""

    cause: CauseName
    status: VerdictStatus
    winner: Hypothesis | None
    settled: tuple[Settled, ...]
    eligible: frozenset[str]


def decide(
    symptoms: Symptoms, explains: dict[str, frozenset[str]], weighed: Sequence[Hypothesis]
) -> Decision:
    """Decide for a failing episode. ``explains`` maps each cause to the families it can cause.

    Only causes that can explain the first failure in time may win (rule 10): what came later is a
    consequence, however often it is logged.
    """
    eligible = frozenset(h.cause for h in weighed if symptoms.root_family in explains[h.cause])
    ranked = sorted(
        (h for h in weighed if h.cause in eligible),
        key=lambda h: (CLAIM_ORDER[h.claim], h.strength),
        reverse=True,
    )
    winner = ranked[0] if ranked and _wins(ranked) else None
    if winner is None:
        settled = tuple(Settled(h, _status(h, None, eligible)) for h in weighed)
        return Decision("undetermined", "undetermined", None, settled, eligible)
    rivals = [_at_the_same_moment(h, winner) for h in ranked if h is not winner]
    status = _verdict_status(winner, rivals)
    if status == "confirmed":
        rivals = [_explained_away(h, winner) for h in rivals]
    by_cause = {h.cause: h for h in rivals} | {winner.cause: winner}
    settled = tuple(
        Settled(by_cause.get(h.cause, h), _status(by_cause.get(h.cause, h), (winner, status), eligible))
        for h in weighed
    )
    return Decision(cast("CauseName", winner.cause), status, winner, settled, eligible)


def _wins(ranked: Sequence[Hypothesis]) -> bool:
    """Whether the first is more than one of several weak possibilities."""
    first = ranked[0]
    if first.claim in ("direct", "strong"):
        return True
    if first.claim != "consistent" or first.strength < OPEN:
        return False
    return len(ranked) < 2 or ranked[1].claim != "consistent" or ranked[1].strength < first.strength


def _at_the_same_moment(rival: Hypothesis, winner: Hypothesis) -> Hypothesis:
    """A rival whose limit was not met at the capture that shows the winner's limit met is out."""
    if (
        winner.claim == "direct"
        and winner.capture is not None
        and rival.claim in ("consistent", "untestable")
    ):
        words = rival.below.get(winner.capture)
        if words is not None:
            return replace(rival, claim="ruled_out", why=words, missing=())
    return rival


def _explained_away(rival: Hypothesis, winner: Hypothesis) -> Hypothesis:
    """A weak possibility falls where direct evidence of another limit explains the failure; one of which the bundle
    holds no number stays untested."""
    if rival.claim == "consistent" and rival.strength < OPEN:
        if rival.margin is not None and rival.margin.used is None and rival.missing:
            return replace(rival, claim="untestable")
        words = f"{rival.why}; the direct evidence of {winner.cause} explains the failure without it"
        return replace(rival, claim="ruled_out", why=words, missing=())
    return rival


def _verdict_status(winner: Hypothesis, rivals: Sequence[Hypothesis]) -> VerdictStatus:
    if winner.claim == "consistent" or winner.cap == "possible":
        return "possible"
    if winner.claim == "strong":
        return "likely"
    if winner.cap == "likely":
        return "likely"
    for rival in rivals:
        if rival.claim == "direct":
            return "likely"
        if rival.claim in ("strong", "consistent") and rival.strength >= max(OPEN, winner.strength):
            return "likely"
        if rival.claim == "untestable" and rival.cause in MUST_TEST.get(winner.cause, frozenset()):
            return "likely"
    return "confirmed"


def _status(
    h: Hypothesis, won: tuple[Hypothesis, VerdictStatus] | None, eligible: frozenset[str]
) -> HypothesisStatus:
    if won is not None and h is won[0]:
        return cast("HypothesisStatus", won[1])
    status = STATUS[h.claim]
    if status == "confirmed":
        # Met as well, but later in time or beside a stronger one: at most likely beside the verdict.
        return "likely" if h.cap != "possible" else "possible"
    if status == "likely" and h.cap == "possible":
        return "possible"
    return status
