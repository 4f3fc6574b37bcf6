"""Parameters in the address of a change."""

from __future__ import annotations

from fastapi import HTTPException, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

_READING = frozenset({"GET", "HEAD"})


def refuse_unknown_parameters(request: Request) -> None:
    """Refuse a change with a parameter that its route does not know: 422.

    `POST /api/jobs?dryRun=true` would submit the job, and call devices that its sender wanted to look at only.
    """
    route = request.scope.get("route")
    if request.method in _READING or not isinstance(route, APIRoute):
        return
    known = _query_names(route.dependant)
    if unknown := sorted(set(request.query_params) - known):
        takes = f"takes {', '.join(sorted(known))}" if known else "takes none"
        raise HTTPException(422, f"Unknown parameter {', '.join(unknown)} in the address: this request {takes}.")


def _query_names(dependant: Dependant) -> set[str]:
    own = {field.alias for field in dependant.query_params}
    return own.union(*map(_query_names, dependant.dependencies))
