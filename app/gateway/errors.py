"""What a client is told when something goes wrong, and what only the log is told."""

import secrets
from collections.abc import Iterable
from enum import StrEnum
from typing import Any

import structlog
from graphql import GraphQLError
from sqlalchemy.exc import DBAPIError

from app.identity.policy import Denied
from app.infra.database import READ_TIMEOUT
from app.kernel.errors import OutcomeUnknown, Overloaded, Refusal

log = structlog.get_logger(__name__)

#: Messages quote what was sent, which can be long.
_LONGEST_MESSAGE = 500
#: PostgreSQL's code for a statement that was canceled.
_GIVEN_UP = "57014"


class Code(StrEnum):
    """``extensions.code`` of an error, beside the codes of refusals."""

    BAD_REQUEST = "BAD_REQUEST"
    UNAUTHENTICATED = "UNAUTHENTICATED"
    FORBIDDEN = "FORBIDDEN"
    TOO_MANY_OPERATIONS = "TOO_MANY_OPERATIONS"
    OVERLOADED = "OVERLOADED"
    OUTCOME_UNKNOWN = "OUTCOME_UNKNOWN"
    TIMEOUT = "TIMEOUT"
    INTERNAL = "INTERNAL"


class RequestError(Exception):
    """The operation was not executed, or a subscription broke off. Every error in it may be shown to the client."""

    def __init__(self, errors: Iterable[GraphQLError]) -> None:
        self.errors = [_with_code(error) for error in errors]
        super().__init__("; ".join(error.message for error in self.errors))

    @property
    def response(self) -> dict[str, Any]:
        """As the body of an answer. It has no ``data``, since nothing was executed."""
        return {"errors": self.payload}

    @property
    def payload(self) -> list[Any]:
        """As a list of errors."""
        return [error.formatted for error in self.errors]


def refused(message: str, code: Code = Code.BAD_REQUEST) -> RequestError:
    """A request error with one message."""
    return RequestError([GraphQLError(message, extensions={"code": code})])


def told(error: GraphQLError) -> GraphQLError:
    """What the client is told of an error that came up while executing. What we can't explain is logged and masked."""
    cause = _cause(error)
    match cause:
        case None:
            return _with_code(error)
        case Denied():
            return _explained(error, str(cause), code=Code.FORBIDDEN)
        case Overloaded():
            return _explained(error, str(cause), code=Code.OVERLOADED)
        case OutcomeUnknown():
            return _explained(error, str(cause), code=Code.OUTCOME_UNKNOWN)
        case Refusal():
            return _explained(error, cause.message, code=str(cause.code.value), path=list(cause.path))
        case DBAPIError() if getattr(cause.orig, "sqlstate", None) == _GIVEN_UP:
            message = f"Reading this took longer than {READ_TIMEOUT} and was given up; ask for less at a time."
            return _explained(error, message, code=Code.TIMEOUT)
    reference = secrets.token_hex(6)
    log.error("operation failed", reference=reference, path=error.path, exc_info=cause)
    message = f"Something went wrong on our side; quote reference {reference}."
    return _explained(error, message, code=Code.INTERNAL)


def unexpected(cause: Exception) -> RequestError:
    """What the client is told of an exception that no field has to answer for."""
    return RequestError([told(cause if isinstance(cause, GraphQLError) else GraphQLError("", original_error=cause))])


def _cause(error: GraphQLError) -> Exception | None:
    """The exception at the bottom; ``None`` where GraphQL itself, or a resolver in its words, refused the input."""
    cause: Exception | None = error
    while isinstance(cause, GraphQLError):
        cause = cause.original_error
    return cause


def _explained(error: GraphQLError, message: str, **extensions: Any) -> GraphQLError:
    return GraphQLError(message, error.nodes, error.source, error.positions, error.path, extensions=extensions)


def _with_code(error: GraphQLError) -> GraphQLError:
    message = error.message
    if len(message) > _LONGEST_MESSAGE:
        message = f"{message[:_LONGEST_MESSAGE]}…"
    return _explained(error, message, **{"code": Code.BAD_REQUEST, **(error.extensions or {})})
