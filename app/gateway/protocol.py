"""The messages of graphql-transport-ws, both ways, and the codes that a socket closes with."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Any, TypeAlias

import orjson

from app.gateway.requests import Request, read_request

SUBPROTOCOL = "graphql-transport-ws"

#: A close frame carries no more than this.
_LONGEST_REASON = 123


class CloseCode(IntEnum):
    """Why a socket closes. Clients try again after 1001, 4403, 4408 and 4499; after the others they give up."""

    GOING_AWAY = 1001
    BAD_REQUEST = 4400
    UNAUTHORIZED = 4401
    FORBIDDEN = 4403
    SUBPROTOCOL_NOT_ACCEPTABLE = 4406
    INITIALISATION_TIMEOUT = 4408
    SUBSCRIBER_EXISTS = 4409
    TOO_MANY_INITIALISATIONS = 4429
    SILENT = 4499


class Close(Exception):
    """The socket must be closed."""

    def __init__(self, code: CloseCode, reason: str) -> None:
        super().__init__(f"{code.value} {reason}")
        self.code = code
        # Cut by bytes, and never through the middle of a character.
        self.reason = reason.encode()[:_LONGEST_REASON].decode(errors="ignore")


class Gone(Exception):
    """The client is not there any more, or does not read what it asked for: nothing can be said to it."""


@dataclass(frozen=True, slots=True)
class Init:
    payload: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Ping:
    payload: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Pong:
    payload: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Subscribe:
    id: str
    request: Request


@dataclass(frozen=True, slots=True)
class Complete:
    id: str


Message: TypeAlias = Init | Ping | Pong | Subscribe | Complete


def read_message(text: str) -> Message:
    """A client's message; raises ``Close`` with a reason for anything else."""
    try:
        message = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise _bad("the message is not JSON") from None
    if not isinstance(message, dict):
        raise _bad("a message is an object with a type")
    match message.get("type"):
        case "connection_init":
            return Init(_payload(message))
        case "ping":
            return Ping(_payload(message))
        case "pong":
            return Pong(_payload(message))
        case "subscribe":
            return Subscribe(_id(message), _request(message))
        case "complete":
            return Complete(_id(message))
        case str() as unknown:
            raise _bad(f"unknown message type {unknown[:40]!r}")
        case _:
            raise _bad('"type" must be a string')


def message(type_: str, id_: str | None = None, payload: object = None) -> dict[str, Any]:
    """A message of ours; what is ``None`` is left out."""
    parts = {"type": type_, "id": id_, "payload": payload}
    return {name: part for name, part in parts.items() if part is not None}


def _payload(message: dict[str, Any]) -> dict[str, Any] | None:
    payload = message.get("payload")
    if payload is not None and not isinstance(payload, dict):
        raise _bad('"payload" must be an object, null or absent')
    return payload


def _id(message: dict[str, Any]) -> str:
    id_ = message.get("id")
    if not isinstance(id_, str) or not id_:
        raise _bad('"id" must be a string that is not empty')
    return id_


def _request(message: dict[str, Any]) -> Request:
    try:
        return read_request(message.get("payload"))
    except ValueError as error:
        raise _bad(f"payload: {error}") from None


def _bad(reason: str) -> Close:
    return Close(CloseCode.BAD_REQUEST, f"Invalid message: {reason}")
