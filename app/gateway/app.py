"""The gateway put together, as one ASGI application."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import strawberry
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.gateway import health, pages
from app.gateway.connection import Pace
from app.gateway.documents import Documents
from app.gateway.execution import MakeContext, Operations
from app.gateway.http import GraphQLOverHttp
from app.gateway.limits import Limits
from app.gateway.websocket import GraphQLOverWebSocket, Sockets
from app.identity.tokens import Verifier
from app.kernel.clock import Clock


@dataclass(frozen=True, slots=True)
class GatewayOptions:
    """What may be set.

    ``origins`` are those of other sites whose pages may call us, such as ``https://app.example.com``; ``timeout``
    is for one query, mutation or event, in seconds.
    """

    origins: tuple[str, ...] = ()
    timeout: float = 10.0
    body_bytes: int = 100_000
    limits: Limits = field(default_factory=Limits)
    pace: Pace = field(default_factory=Pace)


def build(
    *,
    schema: strawberry.Schema,
    make_context: MakeContext,
    verifier: Verifier,
    clock: Clock,
    ready: health.Ready,
    options: GatewayOptions | None = None,
    extra_routes: Sequence[BaseRoute] = (),
) -> Starlette:
    """The application. Its ``state.sockets`` is who is connected, to be drained before the server stops."""
    chosen = options or GatewayOptions()
    sockets = Sockets()
    operations = Operations(schema, Documents(schema, chosen.limits), make_context, chosen.timeout)
    http = GraphQLOverHttp(operations, verifier, body_bytes=chosen.body_bytes)
    websocket = GraphQLOverWebSocket(
        operations, verifier, sockets, clock=clock, pace=chosen.pace, origins=frozenset(chosen.origins)
    )
    application = Starlette(
        routes=[
            Route("/graphql", http),
            WebSocketRoute("/graphql", websocket),
            *health.routes(ready),
            *pages.routes(),
            *extra_routes,
        ],
        middleware=_middleware(chosen.origins),
    )
    application.state.sockets = sockets
    return application


def _middleware(origins: Sequence[str]) -> list[Middleware]:
    found = [Middleware(SecurityHeaders)]
    if origins:
        allowed = Middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_methods=["POST"],
            allow_headers=["Authorization", "Content-Type"],
            max_age=3600,
        )
        found.append(allowed)
    return found


class SecurityHeaders:
    """Headers for every answer; what an answer says itself stands."""

    _HEADERS = (
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "no-referrer"),
        ("X-Frame-Options", "DENY"),
    )

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._HEADERS:
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers if scope["type"] == "http" else send)
