"""A gateway on a real socket, and what tests need to talk to it."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

import httpx2
from starlette.routing import BaseRoute
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from app.gateway.app import GatewayOptions, build
from app.gateway.serve import Server, listen, make_server
from app.gateway.websocket import Sockets
from app.identity.tokens import LocalKey
from app.kernel.clock import ManualClock
from app.kernel.principal import Principal, Role, Scope
from tests.gateway.small import Laboratory, SmallContext, schema

NOON = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
TENANT, USER = UUID(int=1), UUID(int=2)
PROTOCOL = Subprotocol("graphql-transport-ws")


@dataclass
class Site:
    """A running gateway."""

    laboratory: Laboratory = field(default_factory=Laboratory)
    clock: ManualClock = field(default_factory=lambda: ManualClock(NOON))
    checks: dict[str, bool | str] = field(default_factory=lambda: {"database": True})
    key: LocalKey = field(init=False)
    server: Server = field(init=False)
    sockets: Sockets = field(init=False)
    port: int = field(init=False)

    def __post_init__(self) -> None:
        self.key = LocalKey(b"k" * 32, self.clock)

    def token(self, lifetime: timedelta = timedelta(hours=1)) -> str:
        return self.key.issue(TENANT, USER, [Role.INVESTOR], [Scope.READ], lifetime)

    @property
    def authorization(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token()}"}

    @asynccontextmanager
    async def client(self, headers: Mapping[str, str] | None = None) -> AsyncIterator[httpx2.AsyncClient]:
        """An HTTP client, signed in unless it is told its headers."""
        sent = self.authorization if headers is None else headers
        url = f"http://127.0.0.1:{self.port}"
        async with httpx2.AsyncClient(base_url=url, headers=sent, timeout=10, trust_env=False) as client:
            yield client

    @asynccontextmanager
    async def socket(
        self, headers: Mapping[str, str] | None = None, *, protocol: str | None = PROTOCOL, reads_ahead: int = 16
    ) -> AsyncIterator[ClientConnection]:
        """A WebSocket that has said nothing yet."""
        async with connect(
            f"ws://127.0.0.1:{self.port}/graphql",
            subprotocols=[Subprotocol(protocol)] if protocol else None,
            additional_headers=headers,
            max_queue=reads_ahead,
            ping_interval=None,
            compression=None,
            close_timeout=1,
            proxy=None,
        ) as socket:
            yield socket

    def make_context(self, principal: Principal, one_moment: bool) -> SmallContext:
        context = SmallContext(self.laboratory, principal, one_moment)
        self.laboratory.contexts.append(context)
        return context

    async def ready(self) -> dict[str, bool | str]:
        if "raise" in self.checks:
            raise OSError("no route to the database")
        return self.checks


@asynccontextmanager
async def serving(options: GatewayOptions | None = None, routes: Sequence[BaseRoute] = ()) -> AsyncIterator[Site]:
    """A gateway with these options, for as long as the context lasts."""
    site = Site()
    application = build(
        schema=schema,
        make_context=site.make_context,
        verifier=site.key,
        clock=site.clock,
        ready=site.ready,
        options=options,
        extra_routes=routes,
    )
    listening = listen("127.0.0.1", 0)
    site.port = listening.getsockname()[1]
    site.sockets = application.state.sockets
    site.server = make_server(application, lifespan=False, patience=5)
    # Its parts, without the signals and the loop that waits for them.
    site.server.config.load()
    site.server.lifespan = site.server.config.lifespan_class(site.server.config)
    await site.server.startup(sockets=[listening])
    try:
        yield site
    finally:
        await site.server.shutdown(sockets=[listening])
