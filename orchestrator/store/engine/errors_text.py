"""A batch's error groups as the text in its row."""

from __future__ import annotations

import json
from collections.abc import Mapping

from orchestrator.domain.error_groups import ErrorCount, ErrorGroup
from orchestrator.domain.target import TargetStatus
from orchestrator.store.engine.stored_json import stored_list


def pack_errors(errors: Mapping[ErrorGroup, ErrorCount]) -> str | None:
    """Text, or None where nothing went wrong: the usual case costs nothing."""
    if not errors:
        return None
    return json.dumps(
        [
            [group.status, group.http_status, group.code, count.count, count.example_request_id]
            for group, count in errors.items()
        ],
        separators=(",", ":"),
    )


def unpack_errors(text: str | None) -> dict[ErrorGroup, ErrorCount]:
    """Parses the packed form; the inverse of `pack_errors`. Empty where the text cannot be right."""
    if text is None:
        return {}
    try:
        return {
            ErrorGroup(TargetStatus(status), http_status, code): ErrorCount(int(count), example)
            for status, http_status, code, count, example in stored_list(text, "batches.errors") or ()
        }
    except (ValueError, TypeError):
        # Counted anew from the next error on; the outcomes themselves stand in the targets.
        return {}
