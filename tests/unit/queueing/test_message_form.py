from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from orchestrator.queueing.message_form import NotOurs, is_control, rebuilt, rebuilt_control
from orchestrator.queueing.messages import RUN_BATCH, WORK


def packed(body: object) -> str:
    return base64.b64encode(json.dumps(body).encode()).decode()


def a_message(**changes: Any) -> dict[str, Any]:
    """A message as Celery sends it, with some parts of it otherwise."""
    message = {
        "body": packed([[], {}, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}]),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {"task": WORK, "id": "b1c9", "lang": "py", "retries": 0},
        "properties": {"delivery_tag": "tag", "body_encoding": "base64", "delivery_info": {"exchange": ""}},
    }
    for name, value in changes.items():
        part, _, key = name.partition("__")
        if key:
            message[part][key] = value  # type: ignore[index] # the parts that have keys are named here alone
        else:
            message[name.replace("_", "-")] = value
    return message


@pytest.mark.parametrize(
    "message",
    [
        None,
        7,
        "text",
        [],
        {},
        {"headers": {}, "properties": {}},
        a_message(headers=None),
        a_message(headers=[]),
        a_message(properties=None),
        a_message(properties="x"),
        a_message(headers__task="os.system"),
        a_message(headers__task=None),
        a_message(headers__task=["unhashable"]),
        a_message(headers__task={}),
        a_message(headers__id=None),
        a_message(headers__id=7),
        a_message(headers__id="x" * 10_000),
        a_message(properties__delivery_tag=None),
        a_message(properties__delivery_tag=["tag"]),
        a_message(body=None),
        a_message(body=7),
        a_message(body=""),
        a_message(body="%%%"),
        a_message(body="ü"),
        a_message(body=base64.b64encode(b"\xff\xfe").decode()),
        a_message(body=base64.b64encode(b"gASVKgAAAAAAAACM").decode()),
        a_message(body=base64.b64encode(b"[" * 30_000).decode()),
        a_message(body=packed(None)),
        a_message(body=packed([])),
        a_message(body=packed({"args": []})),
        a_message(body=packed([["too", "many"], {}, {}])),
        a_message(body=packed([{}, {}, {}])),
        a_message(body="A" * 1_000_000),
    ],
)
def test_what_is_no_message_of_ours_is_refused(message: object) -> None:
    with pytest.raises(NotOurs):
        rebuilt(message)


def a_batch_message(*arguments: object) -> dict[str, Any]:
    return a_message(headers__task=RUN_BATCH, body=packed([list(arguments), {}, {}]))


def test_a_message_about_a_batch_keeps_its_job_and_its_number() -> None:
    message = rebuilt(a_batch_message("t29w8mdg8k79", 7))

    assert json.loads(base64.b64decode(message["body"]))[0] == ["t29w8mdg8k79", 7]
    assert message["headers"]["argsrepr"] == "('t29w8mdg8k79', 7)"


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("t29w8mdg8k79",),
        ("t29w8mdg8k79", "7"),
        ("t29w8mdg8k79", True),
        ("t29w8mdg8k79", -1),
        ("t29w8mdg8k79", 2**31),
        ("t29w8mdg8k79", 7.0),
        ("no id", 7),
        ("", 7),
        (7, "t29w8mdg8k79"),
    ],
)
def test_arguments_that_name_no_batch_are_refused(arguments: tuple[object, ...]) -> None:
    with pytest.raises(NotOurs):
        rebuilt(a_batch_message(*arguments))


def a_command(**parts: object) -> dict[str, Any]:
    command = {"method": "ping", "arguments": {}, "destination": None, **parts}
    return {"body": packed(command), "properties": {"delivery_tag": "tag"}, "headers": {"clock": 10**9}}


def test_a_command_keeps_its_method_its_arguments_and_whom_it_asks() -> None:
    address = {"exchange": "reply.celery.pidbox", "routing_key": "key"}
    asked = {"arguments": {"safe": True}, "destination": ["muster-1@here"], "reply_to": address, "ticket": "t"}

    rebuilt_command = rebuilt_control(a_command(method="active", surprise=1, **asked))

    assert json.loads(base64.b64decode(rebuilt_command["body"])) == {"method": "active", **asked}
    assert rebuilt_command["headers"] == {}


@pytest.mark.parametrize(
    "message",
    [
        None,
        7,
        {},
        {"properties": {}},
        a_command(method=7),
        a_command(method=""),
        a_command(arguments=["x"]),
        a_command(destination="muster-1@here"),
        a_command(destination=[{}]),
        a_command(reply_to="elsewhere"),
        a_command(reply_to={"exchange": "x", "routing_key": "y"}),
        a_command(pattern="(a+)+$", matcher="pcre"),
        {**a_command(), "body": "A" * 1_000_000},
        {**a_command(), "properties": {}},
    ],
)
def test_what_is_no_plain_command_is_refused(message: object) -> None:
    with pytest.raises(NotOurs):
        rebuilt_control(message)


def test_a_workers_mailbox_is_told_from_the_replies_to_whoever_asked() -> None:
    assert is_control("muster-1@here.celery.pidbox")
    assert not is_control("0b54.reply.celery.pidbox")
    assert not is_control("celeryev.0b54")


def test_of_a_message_only_its_task_arguments_id_and_trace_are_believed() -> None:
    later = {"callbacks": ["x"], "errbacks": ["x"], "chain": [{"task": "x"}], "chord": {"task": "x"}}
    given = a_message(
        body=packed([[], {"surprise": 1}, later]),
        content_type="application/x-python-serialize",
        content_encoding="binary",
        headers={
            "task": WORK,
            "id": "b1c9",
            "eta": "9999-01-01",
            "expires": {},
            "compression": "application/x-gzip",
            "timelimit": "x",
            "reply_to": "elsewhere",
            "traceparent": "00-a-b-01",
            "tracestate": "x" * 10_000,
        },
        properties={"delivery_tag": "tag", "reply_to": "elsewhere", "delivery_info": 7},
    )

    plain = a_message(headers={"task": WORK, "id": "b1c9", "traceparent": "00-a-b-01"})

    assert rebuilt(given) == rebuilt(plain)
    assert rebuilt(plain)["headers"]["traceparent"] == "00-a-b-01"


def test_a_message_of_ours_comes_out_as_it_went_in() -> None:
    again = rebuilt(rebuilt(a_message()))

    assert again == rebuilt(a_message())
    assert json.loads(base64.b64decode(again["body"]))[:2] == [[], {}]
