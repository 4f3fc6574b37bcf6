"""`make chaos`: break things for as long as you like, by seeds that can be replayed."""

from __future__ import annotations

import argparse
import os
import secrets
import sys
import tempfile
import time
from pathlib import Path

from tests.support import databases
from tests.support.seeded_run import Totals, how_to_replay, run_seed


def main() -> int:
    """Run seeds until the time is over, or one of them loudly."""
    options = _options()
    if options.kind == "processes":
        # One kind after the other would need services that most seeds do not: they are started once, here.
        from tests.support.process_chaos import break_processes  # noqa: PLC0415

        return break_processes(seed=options.seed, seconds=options.seconds, kills=options.kills)
    return simulate(seed=options.seed, seconds=options.seconds)


def simulate(*, seed: int | None, seconds: float) -> int:
    """Simulated runs one after the other; with a seed that one alone, with its log."""
    with tempfile.TemporaryDirectory(prefix="muster-chaos-") as folder:
        template = databases.make_sqlite_template(Path(folder))
        totals, until = Totals(), time.monotonic() + seconds
        if seed is not None:
            totals.add(run_seed(seed, template, is_loud=True))
        while seed is None and time.monotonic() < until:
            totals.add(run_seed(secrets.randbits(31), template))
            if sys.stderr.isatty():
                sys.stderr.write(f"\r{totals.seeds} seeds, {totals.calls:,} calls, {len(totals.broken)} broken")
    sys.stdout.write(f"\n{totals}\n")
    for broken, lines in totals.broken.items():
        sys.stdout.write(f"\nseed {broken} ({how_to_replay(broken)}):\n  " + "\n  ".join(lines[:10]) + "\n")
    return 1 if totals.broken else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make chaos")
    parser.add_argument("--kind", choices=("simulation", "processes"), default=os.environ.get("KIND") or "simulation")
    parser.add_argument("--seconds", type=float, default=float(os.environ.get("SECONDS") or 60))
    parser.add_argument("--kills", type=int, default=int(os.environ.get("KILLS") or 0))
    seed = os.environ.get("SEED")
    parser.add_argument("--seed", type=int, default=int(seed) if seed else None)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
