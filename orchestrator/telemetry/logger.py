"""Loggers whose library is loaded with the first event that is shown: a command that lists jobs logs nothing."""

from __future__ import annotations

import logging
from typing import Any


class Logger:
    """The events of one module; see logs.py for how they are written."""

    def __init__(self, name: str) -> None:
        self._name = name

    def debug(self, event: str, **facts: Any) -> None:
        """Log what only a developer wants to see."""
        self._log(logging.DEBUG, "debug", event, facts)

    def info(self, event: str, **facts: Any) -> None:
        """Log what happened."""
        self._log(logging.INFO, "info", event, facts)

    def warning(self, event: str, **facts: Any) -> None:
        """Log what a person should look at when there is time."""
        self._log(logging.WARNING, "warning", event, facts)

    def error(self, event: str, **facts: Any) -> None:
        """Log what did not work."""
        self._log(logging.ERROR, "error", event, facts)

    def exception(self, event: str, **facts: Any) -> None:
        """Log what did not work, with the exception that is being handled."""
        self._log(logging.ERROR, "exception", event, facts)

    def _log(self, level: int, method: str, event: str, facts: dict[str, Any]) -> None:
        if _deferred() is not None:
            if not logging.getLogger(self._name).isEnabledFor(level):
                return
            set_up_deferred_logs()
        import structlog  # noqa: PLC0415 - it loads rich, which takes longer than a short command's answer

        getattr(structlog.get_logger(self._name), method)(event, **facts)


def get_logger(name: str) -> Logger:
    """The logger of a module; `name` is the module's."""
    return Logger(name)


def defer_logs(*, as_json: bool, level: str) -> None:
    """Set up the logs of this process as `set_up_logs` does, when the first event of this level is logged."""
    root = logging.getLogger()
    for old in root.handlers[:]:
        if isinstance(old, Deferred):
            root.removeHandler(old)
    root.addHandler(Deferred(as_json=as_json, level=level))
    root.setLevel(level.upper())


def set_up_deferred_logs() -> None:
    """Set up the logs now if that was deferred."""
    waiting = _deferred()
    if waiting is not None:
        waiting.set_up()


class Deferred(logging.Handler):
    """Stands in for the handler of logs.py until a library logs something."""

    def __init__(self, *, as_json: bool, level: str) -> None:
        super().__init__()
        self._as_json, self._level_name = as_json, level

    def set_up(self) -> None:
        """Give way to the real handler."""
        from orchestrator.telemetry.logs import set_up_logs  # noqa: PLC0415 - that is what is deferred

        logging.getLogger().removeHandler(self)
        set_up_logs(as_json=self._as_json, level=self._level_name)

    def emit(self, record: logging.LogRecord) -> None:
        """Let the real handler write the record, unless the levels that came with it leave it out."""
        self.set_up()
        if logging.getLogger(record.name).isEnabledFor(record.levelno):
            logging.getLogger().handle(record)


def _deferred() -> Deferred | None:
    return next((each for each in logging.getLogger().handlers if isinstance(each, Deferred)), None)
