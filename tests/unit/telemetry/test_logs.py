from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from orchestrator.telemetry.logger import defer_logs
from orchestrator.telemetry.logs import redact, set_up_logs

JWT = "eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJodHRwczovL2dyYXBoIn0.c2lnbmF0dXJl"


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    names = ("httpx", "httpcore", "msal", "urllib3", "asyncio", "aiosqlite")
    levels = {name: logging.getLogger(name).level for name in names}
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)
    structlog.reset_defaults()


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    captured = capsys.readouterr()
    assert captured.out == ""
    return [json.loads(line) for line in captured.err.splitlines()]


def test_an_event_is_one_line_of_json_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs(as_json=True, level="info")

    structlog.get_logger().info("batch.claimed", job="j", devices=3)

    (line,) = lines(capsys)
    assert (line["event"], line["level"], line["job"], line["devices"]) == ("batch.claimed", "info", "j", 3)
    assert str(line["at"]).endswith("Z")


def test_text_for_people_goes_to_stderr_too(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs(as_json=False, level="info")

    structlog.get_logger().info("batch.claimed", devices=3)

    captured = capsys.readouterr()
    assert captured.out == ""
    assert "batch.claimed" in captured.err
    assert "devices=3" in captured.err


def test_the_level_holds_for_us_and_for_libraries(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs(as_json=True, level="warning")

    structlog.get_logger().info("not.shown")
    logging.getLogger("celery").info("not shown")
    structlog.get_logger().warning("shown")
    logging.getLogger("celery").warning("shown %s", "too")

    assert [line["event"] for line in lines(capsys)] == ["shown", "shown too"]


def test_the_lines_of_each_request_and_each_statement_are_silent_at_every_level(
    capsys: pytest.CaptureFixture[str],
) -> None:
    set_up_logs(as_json=True, level="debug")

    logging.getLogger("httpx").info("HTTP Request: POST")
    logging.getLogger("msal.application").debug("cache hit")
    logging.getLogger("aiosqlite").debug("executing functools.partial(<built-in method cursor>)")
    logging.getLogger("httpx").warning("shown")

    assert [line["event"] for line in lines(capsys)] == ["shown"]


def test_setting_up_twice_says_nothing_twice(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs(as_json=False, level="info")
    set_up_logs(as_json=True, level="info")

    structlog.get_logger().info("once")

    assert len(lines(capsys)) == 1


@pytest.mark.parametrize("as_json", [True, False])
def test_no_token_is_logged_wherever_it_stands(capsys: pytest.CaptureFixture[str], as_json: bool) -> None:  # noqa: FBT001 - a table
    set_up_logs(as_json=as_json, level="info")
    log = structlog.get_logger()

    log.info("a", access_token="s3cret", note=f"got {JWT}", headers={"Authorization": "Bearer s3cret-opaque-token"})
    log.info("b", client_secret="s3cret", deep=[{"password": "s3cret"}, f"Bearer {JWT}"])
    logging.getLogger("celery").info("with %s and Bearer %s", JWT, "s3cret-opaque-token")
    try:
        int(f"Bearer {JWT}")
    except ValueError:
        log.exception("c")

    said = capsys.readouterr().err
    assert "ValueError" in said
    assert said.count("[hidden]") >= 7
    assert "s3cret" not in said
    assert JWT not in said
    assert JWT.split(".")[1] not in said


def test_what_only_sounds_like_a_secret_stays() -> None:
    event = {
        "event": "sign_in.token_fetched",
        "has_token": True,
        "refresh_token": None,
        "tokens": 3,
        "expires_in": 3599,
    }

    assert redact(None, "info", dict(event)) == event


def test_what_is_nested_without_end_is_cut_off() -> None:
    endless: dict[str, object] = {"event": "a"}
    endless["inside"] = endless

    shown = redact(None, "info", dict(endless))

    assert json.dumps(shown).count('"event": "a"') == 7


def test_a_page_that_the_sign_in_library_logs_is_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    defer_logs(as_json=False, level="warning")

    try:
        json.loads("<html>Portal</html>")
    except ValueError:
        logging.getLogger("msal.oauth2cli.oauth2").exception("Token response is not in json format: <html>Portal")
    logging.getLogger("urllib3.connectionpool").warning("Retrying after connection broken by ProxyError")
    logging.getLogger("orchestrator.any").warning("shown")

    said = capsys.readouterr().err
    assert "shown" in said
    assert "Portal" not in said
    assert "Traceback" not in said
    assert "ProxyError" not in said
