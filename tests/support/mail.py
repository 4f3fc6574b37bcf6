"""A small mail server: it speaks enough SMTP to be sent a message, and misbehaves on request."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass(slots=True)
class MailServerSeen:
    """What was sent, and where."""

    port: int = 0
    messages: list[str] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)


@asynccontextmanager
async def mail_server(*, refuses: str | None = None, hangs: bool = False) -> AsyncIterator[MailServerSeen]:
    """A server that takes every message, or refuses each RCPT with these words, or says nothing at all."""
    seen = MailServerSeen()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers = {"AUTH": "235 come in", "RCPT": refuses or "250 ok", "DATA": "354 go on", "QUIT": "221 bye"}

        async def say(line: str) -> None:
            writer.write(f"{line}\r\n".encode())
            await writer.drain()

        try:
            if hangs:
                await reader.read()
                return
            await say("220 here")
            while line := (await reader.readline()).decode().strip():
                verb = line.split(" ", 1)[0].upper()
                if verb == "AUTH":
                    seen.logins.append(line)
                await say(answers.get(verb, "250 ok"))
                if verb == "DATA":
                    seen.messages.append((await reader.readuntil(b"\r\n.\r\n")).decode())
                    await say("250 taken")
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    async with await asyncio.start_server(talk, "127.0.0.1", 0) as server:
        seen.port = server.sockets[0].getsockname()[1]
        yield seen
        server.close()
