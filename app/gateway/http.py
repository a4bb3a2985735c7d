"""GraphQL over HTTP: POST and JSON, one operation a request. What doesn't finish in one answer is for the WebSocket."""

from typing import Any

import orjson
from graphql import OperationType
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.gateway.credentials import from_header
from app.gateway.errors import Code, RequestError, refused, unexpected
from app.gateway.execution import Operations
from app.gateway.requests import read_request
from app.identity.tokens import InvalidToken, Verifier
from app.kernel.principal import Principal

JSON = "application/json"
GRAPHQL = "application/graphql-response+json"


class GraphQLOverHttp:
    """The endpoint, an ASGI application."""

    def __init__(self, operations: Operations, verifier: Verifier, *, body_bytes: int) -> None:
        self._operations = operations
        self._verifier = verifier
        self._body_bytes = body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = HttpRequest(scope, receive)
        response = await self._respond(request)
        await response(scope, receive, send)

    async def _respond(self, request: HttpRequest) -> Response:
        if request.method != "POST":
            return _refusal(
                request, 405, "Send operations by POST; GraphiQL is at /graphiql.", headers={"Allow": "POST"}
            )
        # Before anything of the request is read: strangers cost us nothing.
        try:
            principal = self._verifier.verify(from_header(request.headers.get("authorization")))
        except InvalidToken as error:
            return _unauthenticated(request, error)
        if not _is_json(request.headers.get("content-type", "")):
            return _refusal(request, 415, f"The content type must be {JSON}.")
        body = await _read(request, self._body_bytes)
        if body is None:
            return _refusal(request, 413, f"The request has more than {self._body_bytes} bytes.")
        try:
            return _response(request, 200, await self._execute(body, principal))
        except RequestError as error:
            return _response(request, 400, error.response)
        except Exception as error:  # noqa: BLE001  what is unexpected is logged there
            return _response(request, 500, unexpected(error).response)

    async def _execute(self, body: bytes, principal: Principal) -> dict[str, Any]:
        try:
            asked = read_request(orjson.loads(body))
        except orjson.JSONDecodeError as error:
            raise refused(f"The request is not JSON: {error}") from None
        except ValueError as error:
            raise refused(f"The request can't be read: {error}.") from None
        prepared = self._operations.documents.prepare(asked.query, asked.operation_name)
        if prepared.kind is OperationType.SUBSCRIPTION:
            raise refused("Subscriptions need a WebSocket: connect to this path with graphql-transport-ws.")
        return await self._operations.execute(prepared, asked.variables, principal)


async def _read(request: HttpRequest, limit: int) -> bytes | None:
    """The body, or ``None`` as soon as it is known to be over the limit."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            return None
    return bytes(body)


def negotiate(accept: str) -> str:
    """The content type for a client's Accept header: the newer one for those who ask for it by name."""
    weights: dict[str, float] = {}
    for part in accept.lower().split(","):
        media, *parameters = (piece.strip() for piece in part.split(";"))
        weights[media] = _weight(parameters)
    others = max(weights.get(media, 0.0) for media in (JSON, "application/*", "*/*"))
    return GRAPHQL if 0 < weights.get(GRAPHQL, 0.0) >= others else JSON


def _weight(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0


def _is_json(content_type: str) -> bool:
    media, _, parameters = content_type.lower().partition(";")
    charset = parameters.partition("charset=")[2].partition(";")[0].strip(' "')
    return media.strip() == JSON and charset in ("", "utf-8", "utf8")


def _response(
    request: HttpRequest, status: int, content: dict[str, Any], headers: dict[str, str] | None = None
) -> Response:
    media = negotiate(request.headers.get("accept", "*/*"))
    return Response(
        orjson.dumps(content),
        status,
        headers={"Cache-Control": "no-store", **(headers or {})},
        media_type=f"{media}; charset=utf-8",
    )


def _refusal(
    request: HttpRequest,
    status: int,
    message: str,
    code: Code = Code.BAD_REQUEST,
    headers: dict[str, str] | None = None,
) -> Response:
    return _response(request, status, refused(message, code).response, headers)


def _unauthenticated(request: HttpRequest, error: InvalidToken) -> Response:
    # RFC 6750: a request without a token gets no error code, only the scheme.
    invalid = "authorization" in request.headers
    challenge = {"WWW-Authenticate": 'Bearer error="invalid_token"' if invalid else "Bearer"}
    message = str(error)
    return _refusal(request, 401, f"{message[:1].upper()}{message[1:]}.", Code.UNAUTHENTICATED, challenge)
