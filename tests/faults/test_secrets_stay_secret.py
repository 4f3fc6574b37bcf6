"""Everything that a full run writes, at the debug level and with much going wrong, is searched for its secrets."""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path

import asyncpg
import pytest
import redis
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat

from orchestrator.simulator.app import SimulatedGraph
from orchestrator.simulator.issuing import Registration
from tests.support.apps import device_ids, devices_csv
from tests.support.certificates import a_key_pair
from tests.support.command_line import CommandLine, Ended
from tests.support.signed_in import APP, served_with_sign_in, tokens_seen
from tests.support.tls import Authority
from tests.support.waiting import until

SECRET = "xQ8~a-client-secret-that-nobody-may-read"
PASSWORD = "a-pass-phrase-of-the-key"
ACTION = ("--action", "refreshUserPolicy")
OF_SETTINGS = (("settings",), ("doctor",), ("tenant", "list"))
OF_JOBS = (("job", "show", "latest"), ("job", "errors", "latest"), ("job", "report", "latest"))


def trouble(graph: SimulatedGraph) -> None:
    """All that makes a program talk: refusals that quote, tokens that end, answers that make no sense."""
    devices = device_ids(120)
    graph.entra.mint.lifetime = 2
    graph.revoke_token(tokens=1)
    graph.answer_html(devices[30:33], times=1)
    graph.refuse(devices[33:36], 500)
    graph.lose_reply(devices[36:39])
    graph.redirect(devices[110:111], to="https://elsewhere.example/", times=1)


def sayings(graph: SimulatedGraph, muster: CommandLine, commands: Sequence[Sequence[str]]) -> list[Ended]:
    """A check, a run and these commands, at the debug level and with tracebacks, while much goes wrong."""
    file = muster.write("devices.csv", devices_csv(120))
    shown = [muster.run("--debug", "tenant", "check")]
    trouble(graph)
    # The first token of `run` is granted, or it would store no job; Graph refuses it, and the next is refused itself.
    graph.refuse_tokens("temporarily_unavailable", times=1, after_calls=graph.entra.requests.total() + 1)
    ran = muster.run("--debug", "run", file, *ACTION)
    assert "HTTP Error: 503" in ran.err, "the refusal of a token was planned and did not happen"
    graph.behave()
    shown += [ran, *(muster.run("--debug", *words) for words in commands)]
    assert [each.err for each in shown if "fault of Muster" in each.err] == []
    return shown


def assert_nobody_says(texts: Iterable[str], secrets: Iterable[str]) -> None:
    wanted = [secret for secret in secrets if secret]
    assert wanted
    for text in texts:
        for secret in wanted:
            place = text.find(secret)
            assert place < 0, f"a secret stands behind: …{text[max(0, place - 300) : place]}"


@pytest.fixture
def graph() -> SimulatedGraph:
    return SimulatedGraph(None, check_tokens=True)


def test_an_embedded_run_keeps_the_secret_and_every_token_to_itself(
    graph: SimulatedGraph, authority: Authority, tmp_path: Path
) -> None:
    graph.entra.register(Registration(APP, secret=SECRET))
    with served_with_sign_in(graph, authority) as variables:
        database = tmp_path / "muster.db"
        variables |= {
            "MUSTER_DATABASE_URL": f"sqlite:///{database.as_posix()}",
            "MUSTER_WRITE_LIMIT": "40/1s",
            "MUSTER_ATTEMPTS": "2",
            "MUSTER_LOG_LEVEL": "debug",
        }
        muster = CommandLine(tmp_path, {**variables, "MUSTER_CLIENT_SECRET": SECRET})
        said = sayings(graph, muster, [*OF_JOBS, *OF_SETTINGS])
        wrong = muster.run(
            "--debug", "tenant", "check", MUSTER_CLIENT_SECRET=f"{SECRET}-but-wrong", MUSTER_LOG_LEVEL="debug"
        )

    assert wrong.code == 3
    with closing(sqlite3.connect(database)) as connection:
        dump = "\n".join(connection.iterdump())
    files = [file.read_bytes().decode("latin-1") for file in tmp_path.iterdir() if file.is_file()]
    tokens = tokens_seen(graph)
    assert len(set(tokens)) >= 2
    texts = [dump, *files, *(each.out + each.err for each in [*said, wrong])]
    assert any("devices" in text for text in texts)
    # The middle of a token is its claims and the end its signature: neither may be anywhere.
    assert_nobody_says(texts, [SECRET, *tokens, *(token.split(".")[1] for token in tokens)])


def test_a_certificates_key_and_its_pass_phrase_are_told_to_nobody(
    graph: SimulatedGraph, authority: Authority, tmp_path: Path
) -> None:
    key, issued = a_key_pair()
    certificate = issued.public_bytes(Encoding.PEM)
    graph.entra.register_certificate(APP, certificate)
    encrypted = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(PASSWORD.encode()))
    plain = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    keys = tmp_path / "keys"
    keys.mkdir()
    (keys / "app.pem").write_bytes(encrypted + certificate)
    with served_with_sign_in(graph, authority) as variables:
        variables |= {
            "MUSTER_DATABASE_URL": f"sqlite:///{(tmp_path / 'muster.db').as_posix()}",
            "MUSTER_WRITE_LIMIT": "40/1s",
            "MUSTER_ATTEMPTS": "2",
            "MUSTER_LOG_LEVEL": "debug",
            "MUSTER_CLIENT_CERTIFICATE": str(keys / "app.pem"),
            "MUSTER_CLIENT_CERTIFICATE_PASSWORD": PASSWORD,
        }
        muster = CommandLine(tmp_path, variables)
        said = sayings(graph, muster, OF_SETTINGS)
        wrong = muster.run(
            "--debug", "tenant", "check", MUSTER_CLIENT_CERTIFICATE_PASSWORD=f"not {PASSWORD}", MUSTER_LOG_LEVEL="debug"
        )

    # Known before anything is sent: the key cannot be opened.
    assert wrong.code == 2
    texts = [each.out + each.err for each in [*said, wrong]]
    texts += [file.read_bytes().decode("latin-1") for file in tmp_path.iterdir() if file.is_file()]
    lines = [line for text in (plain, encrypted.decode()) for line in text.splitlines() if len(line) > 40]
    assert_nobody_says(texts, [PASSWORD, *lines, *tokens_seen(graph)])


@pytest.mark.skipif(sys.platform == "win32", reason="a team's installation runs on Linux")
async def test_a_team_keeps_them_out_of_its_logs_its_tables_and_its_broker(
    graph: SimulatedGraph, authority: Authority, postgresql_url: str, valkey_url: str, tmp_path: Path
) -> None:
    graph.entra.register(Registration(APP, secret=SECRET))
    trouble(graph)
    with redis.Redis.from_url(valkey_url) as broker, ExitStack() as opened:
        broker.flushdb()
        variables = opened.enter_context(served_with_sign_in(graph, authority))
        variables |= {
            "MUSTER_DATABASE_URL": postgresql_url.replace("postgres@", "postgres:a-database-password@"),
            "MUSTER_BROKER_URL": valkey_url,
            "MUSTER_WRITE_LIMIT": "30/1s",
            "MUSTER_ATTEMPTS": "2",
            "MUSTER_CLIENT_SECRET": SECRET,
            "MUSTER_LOG_FORMAT": "json",
            "MUSTER_LOG_LEVEL": "debug",
        }
        worker = opened.enter_context(CommandLine(tmp_path, variables).started("worker"))
        muster = CommandLine(tmp_path, variables)
        muster.run("submit", muster.write("devices.csv", devices_csv(120)), *ACTION)
        until(lambda: graph.tenant.total > 60)
        muster.run("job", "wait", "latest")
        messages = [repr(broker.dump(key)) + repr(key) for key in broker.keys("*")]
        worker.process.terminate()
        ended = worker.end()

    tables = await _tables(postgresql_url)
    assert "120" in tables
    assert ended.err.count("\n") > 20
    texts = [tables, *messages, ended.out + ended.err]
    assert_nobody_says(texts, [SECRET, "a-database-password", *tokens_seen(graph)])


async def _tables(url: str) -> str:
    connection = await asyncpg.connect(url)
    try:
        names = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        parts = []
        for (name,) in names:
            rows = await connection.fetch(f'SELECT * FROM "{name}"')  # noqa: S608 - a name that the database gave
            parts.append(json.dumps([dict(row) for row in rows], default=str))
    finally:
        await connection.close()
    return "\n".join(parts)
