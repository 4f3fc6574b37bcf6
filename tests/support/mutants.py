"""Breaks one decision of the product at a time and runs the tests that are to notice.

`python -m tests.support.mutants [WORD]` tries those whose file name contains WORD, each in a copy of the checkout.
The exit code is 1 where a mutant survives or the text to replace is no longer found.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from tests.support.checkout import ROOT, tracked_files
from tests.support.waiting import PATIENCE

_TESTS = {
    "orchestrator/domain/retry.py": ("unit/domain/test_retry_policy.py", "properties/test_domain_laws.py"),
    "orchestrator/domain/circuit_breaker.py": (
        "unit/domain/test_circuit_breaker.py",
        "unit/engine/test_outage_watch.py",
        "unit/engine/test_run_ahead.py",
        "properties/test_domain_laws.py",
    ),
    "orchestrator/domain/due.py": ("unit/domain/test_due_occurrences.py", "properties/test_occurrence_laws.py"),
    "orchestrator/domain/fair_queue.py": ("unit/domain/test_fair_queue.py", "properties/test_domain_laws.py"),
    "orchestrator/domain/first_answers.py": ("unit/domain/test_first_answers.py",),
    "orchestrator/domain/batching.py": ("unit/domain", "unit/engine/test_lane_loop.py", "unit/throttle"),
    "orchestrator/engine/leased_batch.py": ("unit/engine",),
    "orchestrator/engine/leases.py": ("unit/engine",),
    "orchestrator/engine/outage_watch.py": ("unit/engine/test_outage_watch.py",),
    "orchestrator/engine/recorder.py": ("unit/engine/test_recorder.py",),
    "orchestrator/engine/run_ahead.py": ("unit/engine/test_run_ahead.py",),
    "orchestrator/throttle/adaptation.py": ("unit/throttle", "properties/test_adaptation_laws.py"),
    "orchestrator/throttle/gcra.py": ("unit/throttle", "properties/test_gcra_laws.py"),
    "orchestrator/throttle/travel_time.py": ("unit/throttle/test_travel_time.py",),
}
"""The tests of each file, below `tests`."""


class Mutant(NamedTuple):
    """A file with one text replaced, which must be found in it exactly once."""

    file: str
    old: str
    new: str


_RETRY = "orchestrator/domain/retry.py"
_BREAKER = "orchestrator/domain/circuit_breaker.py"
_DUE = "orchestrator/domain/due.py"
_QUEUE = "orchestrator/domain/fair_queue.py"
_FIRST = "orchestrator/domain/first_answers.py"
_BATCHING = "orchestrator/domain/batching.py"
_BATCH = "orchestrator/engine/leased_batch.py"
_LEASES = "orchestrator/engine/leases.py"
_OUTAGE = "orchestrator/engine/outage_watch.py"
_RECORDER = "orchestrator/engine/recorder.py"
_AHEAD = "orchestrator/engine/run_ahead.py"
_ADAPTATION = "orchestrator/throttle/adaptation.py"
_GCRA = "orchestrator/throttle/gcra.py"
_TRAVEL = "orchestrator/throttle/travel_time.py"

MUTANTS = (
    Mutant(_RETRY, "UNCERTAIN if doubtful else TargetStatus.FAILED", "FAILED if doubtful else TargetStatus.FAILED"),
    Mutant(_RETRY, "if perhaps_everywhere and not accepted_before:", "if perhaps_everywhere:"),
    Mutant(_RETRY, "jitter), outcome.error, counted=False)", "jitter), outcome.error)"),
    Mutant(_RETRY, "is_answer or not repeatable or", "is_answer or"),
    Mutant(_RETRY, "jitter), error, doubtful=True, charged", "jitter), error, charged"),
    Mutant(_RETRY, "asked >= policy.attempts and age >= policy.throttled", "asked >= policy.attempts"),
    Mutant(_RETRY, "outcome.may_have_happened and not repeatable", "outcome.may_have_happened and repeatable"),
    Mutant(_RETRY, "max(named, 0.0) + jitter", "min(max(named, 0.0), backoff)"),
    Mutant(_BREAKER, "self.errors * 100 > share", "self.errors * 100 >= share"),
    Mutant(_BREAKER, "window.ended >= options.sample and window", "window"),
    Mutant(_BREAKER, "window = now - since", "window = now"),
    Mutant(_BREAKER, "ended - by_class[FailureClass.OURS]", "ended"),
    Mutant(_BREAKER, "error.http_status >= 500", "error.http_status > 500"),
    Mutant(_BREAKER, "if now - self.since > patience:", "if now - self.since < patience:"),
    Mutant(_BREAKER, "accepted_before or error.http_status != 500", "error.http_status != 500"),
    Mutant("orchestrator/domain/brake_options.py", "(2 * each + 1) * total", "(2 * each) * total"),
    Mutant(_DUE, "late > rules.start_within and not has_waited", "late > rules.start_within"),
    Mutant(_DUE, "window.ends <= now", "window.ends < now"),
    Mutant(_DUE, " or blackout_at(now, blackouts, zone)", ""),
    Mutant(_DUE, "case Overlap.QUEUE if not another_waits:", "case Overlap.QUEUE:"),
    Mutant(_DUE, "while ends <= occurrence:", "while ends < occurrence:"),
    Mutant(_QUEUE, "calls / self.weight)", "calls)"),
    Mutant(_QUEUE, "max(self._virtual_time, lowest)", "lowest"),
    Mutant(_QUEUE, "self._virtual_time = max(self._virtual_time, self._places[job].virtual_time)", "pass"),
    Mutant(_FIRST, "if len(refusals) > 1 or not all", "if not all"),
    Mutant(_FIRST, "if not is_complete:", "if is_complete:"),
    Mutant(_FIRST, "len(words) >= FEWEST_ALIKE", "len(words) > FEWEST_ALIKE"),
    Mutant(_BATCHING, "limit.calls // _COSTLY", "limit.calls"),
    Mutant(_BATCHING, "return most if round_trip else 1", "return most"),
    Mutant(_BATCH, "_due_at <= now", "_due_at < now"),
    Mutant(_BATCH, "if target.line in self._in_flight]", "]"),
    Mutant(_BATCH, "released=self.is_done,", "released=not self._in_flight,"),
    Mutant(_BATCH, "return not self._in_flight and not self._prefetched", "return not self._prefetched"),
    Mutant(_BATCH, "1 if counted and not charged else 0", "0"),
    Mutant(_BATCH, "attempts=target.attempts + left", "attempts=target.attempts + 1"),
    Mutant(_BATCH, "target.doubtful or doubtful, not_before", "doubtful, not_before"),
    Mutant(_BATCH, "_earliest(claim.rest_due_at, self._due_since_claim)", "claim.rest_due_at"),
    Mutant(_LEASES, "min(batch.valid_until, batch.job.seen_at + _SIGHT)", "batch.valid_until"),
    Mutant(_LEASES, "self.now() >= not_after - WINDOW_MARGIN", "self.now() >= not_after"),
    Mutant(_LEASES, "if key not in kept:", "if key in kept:"),
    Mutant(_LEASES, "if change.released or change.key not in kept:", "if change.released:"),
    Mutant(_LEASES, "batch is not None and batch.claim.fencing_token == token else", "batch is not None else"),
    Mutant(_OUTAGE, "target.attempts == 0 and left_at", "left_at"),
    Mutant(_OUTAGE, "is_probe or left_at > self._out_since)", "True)"),
    Mutant(_OUTAGE, "self._fresh_failures + 1 < OUTAGE_AFTER", "self._fresh_failures < OUTAGE_AFTER"),
    Mutant(_OUTAGE, "later.change or self.change", "self.change or later.change"),
    Mutant(_RECORDER, "if change.line not in lines]", "]"),
    Mutant(_RECORDER, "not intent.held.is_lost and intent.held.claim.key in kept", "not intent.held.is_lost"),
    Mutant(_RECORDER, "if not each[0].is_lost}", "}"),
    Mutant(_RECORDER, "= self._landed, landed", "= self._landed, {}"),
    Mutant(_AHEAD, "most - under_way - self.unjudged", "most - under_way"),
    Mutant(_AHEAD, "max(0, self.unjudged - count)", "0"),
    Mutant(_ADAPTATION, "beyond < TRIAL", "beyond < 0"),
    Mutant(
        _ADAPTATION, "max(min(went_through, most), used * DEEPEST_CUT, LEAST)", "max(min(went_through, most), LEAST)"
    ),
    Mutant(_ADAPTATION, "used * CUT if now", "used if now"),
    Mutant(_GCRA, "limit.calls - together + 1", "limit.calls - together + 2"),
    Mutant(_GCRA, "+ PERMIT_LIFE + TRAVEL_SPREAD + _ROUNDING", "+ PERMIT_LIFE + _ROUNDING"),
    Mutant(_GCRA, "want = min(want, 1)", "want = min(want, 2)"),
    Mutant(
        _GCRA, "asked_at + departure - granted_at + PERMIT_LIFE", "answered_at + departure - granted_at + PERMIT_LIFE"
    ),
    Mutant(_GCRA, "if now - refusal.ago < pace.closed_until:", "if False:"),
    Mutant(_GCRA, "1 if is_fresh else pace.refusals + 1", "1"),
    Mutant(_GCRA, "more = max(together - pace.together, 0)", "more = 0"),
    Mutant(_GCRA, "granted_until <= now + LONGEST_REACH", "granted_until"),
    Mutant(_TRAVEL, "min(self._quickest, self._before)", "self._quickest"),
)


def main(word: str) -> int:
    """Try each mutant whose file contains `word`; 1 where one survives or cannot be made."""
    chosen = [mutant for mutant in MUTANTS if word in mutant.file]
    survived = 0
    with tempfile.TemporaryDirectory(prefix="muster-mutants-") as folder:
        copy = _copied(Path(folder))
        for file in sorted({mutant.file for mutant in chosen}):
            if not _passes(copy, file):
                raise SystemExit(f"the tests of {file} fail without any change")
        for mutant in chosen:
            is_noticed = _is_noticed(copy, mutant)
            survived += not is_noticed
            sys.stdout.write(
                f"{'noticed ' if is_noticed else 'SURVIVED'}  {mutant.file}: {mutant.old!r} → {mutant.new!r}\n"
            )
            sys.stdout.flush()
    sys.stdout.write(f"{len(chosen) - survived} of {len(chosen)} noticed\n")
    return 1 if survived else 0


def _copied(folder: Path) -> Path:
    for file in tracked_files():
        to = folder / file.relative_to(ROOT)
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, to)
    return folder


def _is_noticed(copy: Path, mutant: Mutant) -> bool:
    file = copy / mutant.file
    text = file.read_text(encoding="utf-8")
    if text.count(mutant.old) != 1:
        raise SystemExit(f"{mutant.old!r} is in {mutant.file} {text.count(mutant.old)} times, not once")
    try:
        file.write_text(text.replace(mutant.old, mutant.new), encoding="utf-8")
        return not _passes(copy, mutant.file)
    finally:
        file.write_text(text, encoding="utf-8")


def _passes(copy: Path, file: str) -> bool:
    """Whether the tests of this file pass; SystemExit where they cannot be run."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "--no-header", "--tb=no", "-p", "no:cacheprovider"]
    # The same order and the same examples for all of them.
    command += ["-p", "no:randomly", "--hypothesis-seed=1", *(f"tests/{test}" for test in _TESTS[file])]
    done = subprocess.run(command, cwd=copy, capture_output=True, text=True, timeout=PATIENCE, check=False)
    if done.returncode in {0, 1} and not re.search(r"\d+ error", done.stdout):
        return done.returncode == 0
    raise SystemExit(f"{file}: the tests could not be run\n{done.stdout}{done.stderr}")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2] or [""]))
