"""The form of a message: what workers take from the queue, rebuilt from the few parts of it that mean anything.

Every client of Redis can put anything under the name of the queue. Celery and kombu take a message for what
their own programs sent: one that is not ends the worker, and one that is may name a time next year, a compressed body
of gigabytes or another task to call afterwards.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from orchestrator.queueing.messages import ARGUMENTS, RUN_BATCH, names_a_batch
from orchestrator.telemetry.traces import TRACE_HEADERS

LONGEST_MESSAGE = 64 * 1024
"""Bytes of a message at most; ours have some hundreds."""

_LONGEST_TEXT = 512
_MAILBOX = ".celery.pidbox"


class NotOurs(ValueError):
    """The message is of no form that Muster sends; the text says what is wrong with it, and nothing that it holds."""


def rebuilt(message: object) -> dict[str, Any]:
    """The message as Celery would have made it now, from its task, arguments, id and trace; NotOurs for any other."""
    if not isinstance(message, dict):
        raise NotOurs("no JSON object")
    headers, properties = message.get("headers"), message.get("properties")
    if not isinstance(headers, dict) or not isinstance(properties, dict):
        raise NotOurs("no headers or no properties")
    task = headers.get("task")
    if not isinstance(task, str) or task not in ARGUMENTS:
        raise NotOurs("unknown task")
    identity = _text(headers.get("id"), "id")
    arguments = _arguments(message.get("body"), ARGUMENTS[task])
    if task == RUN_BATCH and not names_a_batch(arguments):
        raise NotOurs("arguments that name no batch")
    nothing_after = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
    body = json.dumps([arguments, {}, nothing_after])
    trace = {name: headers[name] for name in TRACE_HEADERS if _is_text(headers.get(name))}
    rebuilt_headers = {
        **trace,
        "lang": "py",
        "task": task,
        "id": identity,
        "root_id": identity,
        "parent_id": None,
        "group": None,
        "retries": 0,
        "timelimit": [None, None],
        "eta": None,
        "expires": None,
        "ignore_result": True,
        "argsrepr": repr(tuple(arguments)),
        "kwargsrepr": "{}",
        "origin": None,
    }
    tag = _text(properties.get("delivery_tag"), "delivery tag")
    return _packed(body, rebuilt_headers, tag, correlation_id=identity)


def is_control(queue: str) -> bool:
    """Whether this is a queue of the commands of Celery's remote control."""
    return queue.endswith(_MAILBOX) and not queue.endswith(f".reply{_MAILBOX}")


def rebuilt_control(message: object) -> dict[str, Any]:
    """A command as Celery would have sent it, from the few parts that mean anything; NotOurs for any other message.

    Patterns of worker names are not among them: they are regular expressions, and one can keep a worker busy for years.
    """
    if not isinstance(message, dict) or not isinstance(message.get("properties"), dict):
        raise NotOurs("no command")
    given = _read(message.get("body"))
    if not isinstance(given, dict) or given.get("pattern") or given.get("matcher"):
        raise NotOurs("no command, or one to a pattern of names")
    arguments = given.get("arguments") or {}
    if not isinstance(arguments, dict):
        raise NotOurs("arguments without names")
    command: dict[str, Any] = {"method": _text(given.get("method"), "method"), "arguments": arguments}
    if (names := given.get("destination")) is not None:
        command["destination"] = _names(names)
    if (address := given.get("reply_to")) is not None:
        if not isinstance(address, dict):
            raise NotOurs("no address to reply to")
        command["reply_to"] = {each: _text(address.get(each), each) for each in ("exchange", "routing_key")}
        command["ticket"] = _text(given.get("ticket"), "ticket")
    return _packed(json.dumps(command), {}, _text(message["properties"].get("delivery_tag"), "delivery tag"))


def _names(given: object) -> list[str]:
    if not isinstance(given, list):
        raise NotOurs("no names of workers")
    return [_text(each, "name") for each in given]


def _packed(body: str, headers: dict[str, Any], tag: str, **properties: str) -> dict[str, Any]:
    return {
        "body": base64.b64encode(body.encode()).decode(),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": headers,
        "properties": {
            **properties,
            "delivery_mode": 2,
            "delivery_info": {"exchange": "", "routing_key": ""},
            "priority": 0,
            "body_encoding": "base64",
            "delivery_tag": tag,
        },
    }


def _read(body: object) -> object:
    try:
        return json.loads(base64.b64decode(_text(body, "body", longest=LONGEST_MESSAGE), validate=True))
    except (binascii.Error, ValueError, RecursionError) as problem:
        raise NotOurs("a body that cannot be read") from problem


def _arguments(body: object, kinds: tuple[type, ...]) -> list[Any]:
    parts = _read(body)
    arguments = parts[0] if isinstance(parts, list) and parts else None
    # By the very type: True is an int too.
    if not isinstance(arguments, list) or tuple(map(type, arguments)) != kinds:
        raise NotOurs("other arguments than the task takes")
    if any(isinstance(each, str) and not _is_text(each) for each in arguments):
        raise NotOurs("an argument that is too long")
    return arguments


def _text(value: object, name: str, *, longest: int = _LONGEST_TEXT) -> str:
    if not isinstance(value, str) or not value or len(value) > longest or not value.isascii():
        raise NotOurs(f"no {name}, or one that is too long")
    return value


def _is_text(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _LONGEST_TEXT and value.isascii() and value.isprintable()
