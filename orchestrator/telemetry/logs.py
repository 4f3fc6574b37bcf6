"""Structured logs: event names, bound ids, no secrets."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog
from structlog.typing import Processor

from orchestrator.domain.plain_text import shown_lines
from orchestrator.telemetry.logger import Deferred


def set_up_logs(*, as_json: bool, level: str) -> None:
    """Send the events of this process, and what its libraries log, to stderr as JSON lines or as text for people."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_SHARED,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_SHARED,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                # First the traceback becomes text: an exception may quote a secret.
                structlog.processors.format_exc_info,
                redact,
                _renderer(as_json=as_json),
            ],
        )
    )
    root = logging.getLogger()
    for old in root.handlers[:]:
        if isinstance(old, Deferred) or isinstance(old.formatter, structlog.stdlib.ProcessorFormatter):
            root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level.upper())
    for name, least in _LEAST.items():
        logging.getLogger(name).setLevel(max(least, root.level))


def redact(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Hide what stands under the name of a secret and what looks like a token; control characters become symbols."""
    for name, value in list(event.items()):
        event[name] = _shown(name, value, depth=0)
    return event


def _shown(name: str, value: Any, *, depth: int) -> Any:
    if _SECRET_NAME.search(name) and not isinstance(value, bool | None):
        return _HIDDEN
    if isinstance(value, str):
        return shown_lines(_BEARER.sub(r"\1" + _HIDDEN, _JWT.sub(_HIDDEN, value)))
    if not isinstance(value, Mapping | list | tuple):
        return value
    if depth == _DEEPEST:
        return "…"
    if isinstance(value, Mapping):
        return {key: _shown(str(key), each, depth=depth + 1) for key, each in value.items()}
    return [_shown("", each, depth=depth + 1) for each in value]


def _renderer(*, as_json: bool) -> Processor:
    if as_json:
        return structlog.processors.JSONRenderer(default=str)
    # Locals in a traceback are where tokens live.
    plain = structlog.dev.plain_traceback
    # Without colours: on a terminal every escape sequence is shown as symbols, since an event may quote anything.
    return structlog.dev.ConsoleRenderer(colors=False, exception_formatter=plain)


_SHARED: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.PositionalArgumentsFormatter(),
    structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
    structlog.processors.StackInfoRenderer(),
]
# Each INFO line of the first three would be one line per call. aiosqlite has two DEBUG lines for each step of each
# statement, thousands in a second. The last two log tracebacks and whole pages of what is raised as well, and reaches
# people as one sentence.
_LEAST = {
    **dict.fromkeys(("httpx", "httpcore", "asyncio", "aiosqlite"), logging.WARNING),
    **dict.fromkeys(("msal", "urllib3"), logging.CRITICAL),
}
_HIDDEN = "[hidden]"
_DEEPEST = 6
_SECRET_NAME = re.compile(
    r"token$|secret|password|passphrase|authorization|credential|assertion|api_?key", re.IGNORECASE
)
_JWT = re.compile(r"eyJ[\w-]{8,}\.[\w-]*(?:\.[\w-]*)*")
_BEARER = re.compile(r"(\bbearer\s+)[\w.~+/=-]{8,}", re.IGNORECASE)
