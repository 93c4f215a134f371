"""Errors as the REST face tells them: OpenAI's shape, a status, and our own code and facts for our own client."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from assistant import errors
from assistant.codec import dump_error
from assistant.errors import AssistantError
from assistant.i18n import Language, explain, language_of

T = TypeVar("T")

CLIENT_GONE: Final = 499
"""Written to nobody; the status other servers log for a client that went away."""

_STATUS: Final[tuple[tuple[type[AssistantError], int, str], ...]] = (
    # The first class that fits decides; the last column is OpenAI's `type`.
    (errors.KeyRefused, 401, "invalid_request_error"),
    (errors.HostRefused, 403, "permission_error"),
    (errors.QuotaReached, 429, "rate_limit_error"),
    (errors.TooManyAtOnce, 429, "rate_limit_error"),
    (errors.AccessError, 403, "permission_error"),
    (errors.NotFound, 404, "invalid_request_error"),
    (errors.ModelUnknown, 404, "invalid_request_error"),
    (errors.PromptUnknown, 404, "invalid_request_error"),
    (errors.ModelNotFetched, 404, "invalid_request_error"),
    (errors.ConversationBusy, 409, "invalid_request_error"),
    (errors.RunBusy, 409, "invalid_request_error"),
    (errors.RunInUse, 409, "invalid_request_error"),
    (errors.NameTaken, 409, "invalid_request_error"),
    (errors.ApprovalClosed, 409, "invalid_request_error"),
    (errors.NotUndoable, 409, "invalid_request_error"),
    (errors.VersionNotInUse, 409, "invalid_request_error"),
    (errors.PromptInvalid, 409, "invalid_request_error"),
    (errors.PromptVariables, 400, "invalid_request_error"),
    (errors.MessageTooLong, 413, "invalid_request_error"),
    (errors.InputError, 400, "invalid_request_error"),
    (errors.TaskInvalid, 400, "invalid_request_error"),
    (errors.SettingsError, 400, "invalid_request_error"),
    (errors.EngineBusy, 429, "rate_limit_error"),
    (errors.EngineDied, 503, "server_error"),
    (errors.NotEnoughMemory, 503, "server_error"),
    (errors.DeadlinePassed, 504, "server_error"),
    (errors.NoModelChosen, 503, "server_error"),
    (errors.RemoteModelFailed, 502, "server_error"),
    (errors.SourcesUnreachable, 502, "server_error"),
    (errors.DownloadInterrupted, 502, "server_error"),
    (errors.DiskFull, 507, "server_error"),
)
_CODES: Final = {
    "key_refused": "invalid_api_key",
    "model_unknown": "model_not_found",
    "model_not_fetched": "model_not_found",
    "prompt_too_long": "context_length_exceeded",
    "engine_busy": "rate_limit_exceeded",
}
"""Where OpenAI's clients know a word of their own."""
_PARAMS: Final = {
    "model_unknown": "model",
    "model_not_fetched": "model",
    "prompt_too_long": "messages",
    "empty_message": "messages",
}
_MISTAKES: Final = {
    "missing": "missing",
    "too_short": "empty",
    "int_type": "whole_number",
    "int_parsing": "whole_number",
    "int_parsing_size": "whole_number",
    "int_from_float": "whole_number",
    "float_type": "number",
    "float_parsing": "number",
    "finite_number": "number",
    "string_type": "text",
    "bool_type": "true_or_false",
    "bool_parsing": "true_or_false",
    "list_type": "list",
    "tuple_type": "list",
    "extra_forbidden": "unknown",
}
"""What pydantic calls it, and our word for it in the catalogue."""
_LIMITS: Final = {
    "greater_than_equal": ("ge", "at_least", (0, 0.5, 1)),
    "greater_than": ("gt", "more_than", (0,)),
    "less_than_equal": ("le", "at_most", (1, 2, 20, 2**31 - 1)),
}
"""The same for limits: where pydantic says which, how our words for it begin, and the numbers there are words for."""
_RESTART_S: Final = 1
"""A dead engine is started again by the next request."""


def status_of(error: AssistantError) -> int:
    if isinstance(error, errors.DocumentUnreadable) and error.reason == "too_large":
        return 413
    return next((status for kind, status, _ in _STATUS if isinstance(error, kind)), 500)


def error_body(error: AssistantError, language: Language) -> dict[str, Any]:
    """`{"error": …}` in OpenAI's shape; `facts` is ours."""
    kind = next((word for known, _, word in _STATUS if isinstance(error, known)), "server_error")
    param = error.name if isinstance(error, errors.ParameterRefused) else _PARAMS.get(error.code)
    return {
        "error": {
            "message": explain(error, language),
            "type": kind,
            "param": param,
            "code": _CODES.get(error.code, error.code),
            "patina": dump_error(error),
        }
    }


def error_response(error: AssistantError, language: Language) -> Response:
    headers = {}
    if isinstance(error, errors.EngineBusy):
        headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, errors.EngineDied):
        headers["Retry-After"] = str(_RESTART_S)
    if isinstance(error, errors.KeyRefused):
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(error_body(error, language), status_of(error), headers)


def request_language(headers: Mapping[str, str], default: Language) -> Language:
    """The client's first language where it names one."""
    accepted = headers.get("accept-language", "").split(",")[0].split(";")[0].strip()
    return language_of(accepted) if accepted and accepted != "*" else default


def install(app: FastAPI, default: Language) -> None:
    """Every error of a route leaves in the same shape, in the client's language."""

    def answer(request: Request, error: AssistantError) -> Response:
        return error_response(error, request_language(request.headers, default))

    async def assistant_error(request: Request, error: Exception) -> Response:
        return answer(request, _cast(error, AssistantError))

    async def validation_error(request: Request, error: Exception) -> Response:
        return answer(request, from_validation(_cast(error, RequestValidationError).errors()))

    async def http_error(request: Request, error: Exception) -> Response:
        http = _cast(error, HTTPException)
        body = {"message": http.detail, "type": "invalid_request_error", "param": None, "code": None}
        return JSONResponse({"error": body}, http.status_code, http.headers)

    async def fault(request: Request, error: Exception) -> Response:
        return answer(request, errors.InternalFault(reason=type(error).__name__))

    handlers: dict[Any, Callable[[Request, Exception], Any]] = {
        AssistantError: assistant_error,
        RequestValidationError: validation_error,
        HTTPException: http_error,
        Exception: fault,
    }
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)


def from_validation(found: Any) -> errors.ParameterRefused:
    """The first thing wrong with a request, named by its dotted path in the body."""
    first = found[0]
    if first["type"] == "json_invalid":
        return errors.ParameterRefused(name="body", reason="not_json")
    # Where a body may be of several kinds, a path goes through the name of the kind, which is nobody's business.
    path = [str(part) for part in first["loc"] if part != "body" and not str(part)[:1].isupper()]
    return errors.ParameterRefused(name=".".join(path) or "body", reason=_word(first, path) or str(first["msg"]))


def _word(mistake: Any, path: list[str]) -> str | None:
    kind = mistake["type"]
    if kind in _LIMITS:
        fact, word, known = _LIMITS[kind]
        limit = mistake["ctx"][fact]
        return f"{word}_{limit:.10g}" if limit in known else f"{word}: {limit:.10g}"
    if kind == "literal_error" and path == ["priority"]:
        return "unknown_priority"
    if kind == "literal_error":
        return f"one_of: {mistake['ctx']['expected']}"
    if kind == "value_error":  # ours, in a word of the catalogue
        return str(mistake["ctx"]["error"])
    return _MISTAKES.get(kind)


def error_line(error: AssistantError, language: Language) -> str:
    """The error as the data of a server-sent event, for a stream that has begun already."""
    return f"data: {json.dumps(error_body(error, language))}\n\n"


def _cast(value: object, kind: type[T]) -> T:
    if not isinstance(value, kind):
        raise TypeError(f"{value!r} is no {kind.__name__}")
    return value
