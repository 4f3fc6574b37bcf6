"""Commands in hints, with the id of the job that they are about; pure."""

from __future__ import annotations

import re

from orchestrator.domain.ids import JobId

_COMMAND = re.compile(r"`(?:muster )?job (resume|retry|errors|pause|cancel)(?P<rest>[^`]*)`")


def with_job_id(text: str, job: JobId) -> str:
    """The text with every command on a job whole, ready to be typed: "`job retry`" becomes "`muster job retry ID`".

    A command that names a job already stays as it is. Stored texts of a job do not name it.
    """

    def with_id(match: re.Match[str]) -> str:
        rest = match["rest"].strip()
        if rest and not rest.startswith("--"):
            return match[0]
        return f"`muster job {match[1]} {job}{f' {rest}' if rest else ''}`"

    return _COMMAND.sub(with_id, text)
