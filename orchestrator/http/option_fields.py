"""Fields of pydantic models, made from the options that jobs and schedules declare."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import Enum
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, Field, ValidationError, ValidatorFunctionWrapHandler, WrapValidator, create_model
from pydantic_core import PydanticCustomError

from orchestrator.domain.errors import RequestRejected
from orchestrator.domain.options import REQUIRED, DeclaredOption

M = TypeVar("M", bound=BaseModel)


def with_options(
    options: Iterable[DeclaredOption], text: Any, *, changes: bool = False, is_form: bool = False
) -> Callable[[type[M]], type[M]]:
    """Gives a model a field for each option that it does not define by itself; a value stays as it was written.

    `text` is the type of what a person writes. In a model that `changes` each may be absent. In a form what is not
    filled in is an empty text, and stands for the default.
    """

    def add(model: type[M]) -> type[M]:
        given: dict[str, Any] = {
            each.name: _field(each, text, changes=changes, is_form=is_form)
            for each in options
            if each.name not in model.model_fields
        }
        return create_model(model.__name__, __base__=model, __doc__=model.__doc__, __module__=model.__module__, **given)

    return add


def _field(option: DeclaredOption, text: Any, *, changes: bool, is_form: bool) -> tuple[Any, Any]:
    facts = option.facts
    if option.kind is int:
        kind: Any = Annotated[int, Field(ge=facts.at_least, le=facts.at_most)]
    else:
        kind = option.kind if option.kind is bool or issubclass(option.kind, Enum) else text
    kind = Annotated[kind, WrapValidator(_parser_of(option, skips_empty=is_form))]
    is_bare = changes or ((option.is_optional or facts.has_usual) and not is_form)
    if is_bare:
        default: Any = None
    elif is_form and (option.is_optional or facts.has_usual):
        default = ""
    else:
        default = ... if option.default is REQUIRED else option.written(option.default)
    return kind | None if is_bare else kind, Field(default=default, description=facts.help)


def _parser_of(option: DeclaredOption, *, skips_empty: bool) -> Callable[..., Any]:
    """The check of a value, which says the sentence that every edge says."""

    def check(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        is_read = option.kind is int or issubclass(option.kind, Enum)
        try:
            checked = handler(value)
        except ValidationError:
            # Errors about the length and the characters of a text stay as pydantic words them.
            if not is_read:
                raise
            checked = value
        if skips_empty and checked == "":
            return checked
        try:
            found = option.read(checked)
        except RequestRejected as refused:
            raise PydanticCustomError("option", "{reason}", {"reason": str(refused)}) from None
        return found if is_read else checked

    return check
