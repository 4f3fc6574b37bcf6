"""`python -m orchestrator` and the `muster` command."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command line; the exit code is the contract's."""
    from orchestrator.cli.main import run  # noqa: PLC0415 - nothing is imported before the command line needs it

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
