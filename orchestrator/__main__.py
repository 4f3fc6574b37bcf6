"""`python -m orchestrator` and the `muster` command."""

from __future__ import annotations

import gc
import sys

from orchestrator.engine.garbage_collection import begin_loading


def main() -> int:
    """Run the command line; the exit code is the contract's."""
    begin_loading()
    from orchestrator.cli.main import run  # noqa: PLC0415 - nothing is imported before the command line needs it

    try:
        return run(sys.argv[1:])
    finally:
        # Python collects twice more as it ends, over every loaded module: a sixth of a short command.
        gc.freeze()


if __name__ == "__main__":
    sys.exit(main())
