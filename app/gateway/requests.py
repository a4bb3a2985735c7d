"""What a client asks, once its JSON is read: the same over HTTP and WebSocket."""

from dataclasses import dataclass
from typing import Any

#: What each parameter must be; only the query has to be there.
_OPTIONAL = {"operationName": (str, "a string"), "variables": (dict, "an object"), "extensions": (dict, "an object")}


@dataclass(frozen=True, slots=True)
class Request:
    """One operation asked for, not looked into yet."""

    query: str
    operation_name: str | None
    variables: dict[str, Any] | None


def read_request(body: object) -> Request:
    """Raises ``ValueError``, with a message for the client, for anything that is not a GraphQL request."""
    if isinstance(body, list):
        raise ValueError("batches are not taken: send one operation a request")
    if not isinstance(body, dict):
        raise ValueError("a request is an object with a query")
    query = body.get("query")
    if not isinstance(query, str):
        raise ValueError('"query" must be a string')
    for name, (kind, what) in _OPTIONAL.items():
        value = body.get(name)
        if value is not None and not isinstance(value, kind):
            raise ValueError(f'"{name}" must be {what}')
    return Request(query, body.get("operationName"), body.get("variables"))
