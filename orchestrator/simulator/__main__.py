"""`muster simulator`: run it on a port."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from orchestrator.simulator.app import SimulatedGraph
from orchestrator.simulator.serving import Tls, serve_process
from orchestrator.simulator.throttling import RETRY_AFTER_STYLES, Quota, parse_limit


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until stopped; one JSON line on stdout says where."""
    options = _parser().parse_args(argv)
    graph = SimulatedGraph(
        _quota(options),
        seed=options.seed,
        known_devices=options.devices,
        check_tokens=options.check_tokens,
        counts_only=options.counts_only,
    )
    _misbehave(graph, options)
    graph.directory.add_fleet(options.fleet, seed=options.seed)
    tls = Tls(options.tls_cert, options.tls_key) if options.tls_cert else None
    try:
        serve_process(graph, host=options.host, port=options.port, tls=tls, ready=_announce)
    except OSError as problem:
        sys.stderr.write(f"cannot listen on {options.host}:{options.port}: {problem}\n")
        return 4
    return 0


def _announce(url: str, port: int) -> None:
    sys.stdout.write(json.dumps({"url": url, "port": port}) + "\n")
    sys.stdout.flush()


def _quota(options: argparse.Namespace) -> Quota | None:
    if options.write_limit is None:
        return None
    limit, seconds = options.write_limit
    return Quota(
        limit,
        seconds,
        options.window,
        options.retry_after,
        tenant_limit=options.tenant_limit,
        noise=options.noise,
        punish_early=options.punish_early,
    )


def _misbehave(graph: SimulatedGraph, options: argparse.Namespace) -> None:
    for status, share in options.fail:
        graph.refuse(status=status, share=share)
    if options.lose:
        graph.lose_reply(share=options.lose)
    if options.close:
        graph.close_connection(share=options.close)
    if options.hang:
        graph.hang(share=options.hang, seconds=options.hang_seconds)
    if options.no_batch:
        graph.refuse_envelopes()
    low, high = options.latency
    graph.answer_within(low, high)
    if options.token_lifetime is not None:
        graph.entra.mint.lifetime = options.token_lifetime


def _devices(path: str) -> list[str]:
    """One device id a line; blank lines are nothing."""
    try:
        return Path(path).read_text(encoding="utf-8-sig").split()
    except (OSError, UnicodeDecodeError) as problem:
        raise argparse.ArgumentTypeError(f"cannot read {path}: {problem}") from problem


def _limit(text: str) -> tuple[int, float] | None:
    try:
        return parse_limit(text)
    except ValueError as problem:
        raise argparse.ArgumentTypeError(str(problem)) from problem


def _share(text: str) -> float:
    """A percentage as a share of one."""
    share = float(text) / 100
    if not 0 <= share <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not a percentage")
    return share


def _failure(text: str) -> tuple[int, float]:
    status, _, percent = text.partition("=")
    return int(status), _share(percent or "100")


def _milliseconds(text: str) -> tuple[float, float]:
    low, _, high = text.partition("-")
    return float(low) / 1000, float(high or low) / 1000


_EXAMPLES = """Examples:
  muster simulator --port 8089 --fleet 5000
  muster simulator --fail 404=5 --lose 1 --write-limit 50/20s"""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="muster simulator",
        description="A small Microsoft Graph on this machine that misbehaves on request.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: 127.0.0.1)")
    parser.add_argument(
        "--port",
        type=int,
        default=8089,
        help="the port to listen on (default: 8089); 0 takes a free one, and the first line on stdout names it",
    )
    parser.add_argument("--tls-cert", type=Path, help="serve over TLS with this PEM certificate")
    parser.add_argument("--tls-key", type=Path, help="its key, if it is not in the same file")
    parser.add_argument(
        "--write-limit",
        type=_limit,
        default=(200, 20.0),
        metavar="200/20s|none",
        help="writes in each window (default: 200/20s)",
    )
    parser.add_argument(
        "--window",
        choices=("fixed", "sliding", "bucket"),
        default="fixed",
        help="how they are counted (default: fixed)",
    )
    parser.add_argument(
        "--retry-after",
        choices=RETRY_AFTER_STYLES,
        default="integer",
        help="how a 429 names its wait (default: integer)",
    )
    parser.add_argument(
        "--punish-early", action="store_true", help="a call before the end of its wait begins a new wait"
    )
    parser.add_argument("--tenant-limit", type=int, metavar="N", help="a second limit that all apps share")
    parser.add_argument(
        "--noise", type=int, default=0, metavar="N", help="calls of other apps in each window, out of the second limit"
    )
    parser.add_argument(
        "--latency", type=_milliseconds, default=(0.0, 0.0), metavar="50-150", help="milliseconds until each answer"
    )
    parser.add_argument(
        "--fail",
        type=_failure,
        action="append",
        default=[],
        metavar="STATUS=PERCENT",
        help="answer so many calls with this status; may be repeated",
    )
    parser.add_argument("--lose", type=_share, default=0.0, metavar="PERCENT", help="replies lost after the effect")
    parser.add_argument(
        "--close", type=_share, default=0.0, metavar="PERCENT", help="connections closed before the effect"
    )
    parser.add_argument(
        "--hang", type=_share, default=0.0, metavar="PERCENT", help="replies held back after the effect"
    )
    parser.add_argument(
        "--hang-seconds", type=float, default=60.0, metavar="SECONDS", help="for how long (default: 60)"
    )
    parser.add_argument("--no-batch", action="store_true", help="refuse $batch with 501")
    parser.add_argument("--seed", type=int, default=0, help="the same seed misbehaves the same way")
    parser.add_argument("--devices", type=_devices, metavar="FILE", help="the device ids that exist, one a line")
    parser.add_argument(
        "--fleet", type=int, default=0, metavar="N", help="managed devices that lists and export reports show"
    )
    parser.add_argument(
        "--check-tokens", action="store_true", help="judge readable tokens by audience, expiry and role"
    )
    parser.add_argument("--token-lifetime", type=int, metavar="SECONDS", help="how long its tokens are valid")
    parser.add_argument("--counts-only", action="store_true", help="keep sums instead of every call")
    return parser


if __name__ == "__main__":
    sys.exit(main())
