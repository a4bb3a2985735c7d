"""The whole product over a test's world: the real schema behind the real gateway, on a socket of its own."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeAlias
from uuid import UUID

import httpx2
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from app.accounting.paper_custodian import PaperCustodian
from app.gateway.serve import Server, listen, make_server
from app.identity.tokens import LocalKey
from app.infra.shared_reads import SharedReads
from app.kernel.ids import new_id
from app.kernel.principal import Role, Scope
from app.main import application
from app.settings import Settings
from resolvers.context import Services
from tests.world import World, running

Json: TypeAlias = dict[str, Any]

_PROTOCOL = Subprotocol("graphql-transport-ws")
_DEADLINE = 10.0
#: Tests let weeks of market time go by.
_LIFETIME = timedelta(days=60)


@dataclass
class Client:
    """A caller with a token, over HTTP."""

    http: httpx2.AsyncClient
    user_id: UUID

    async def answer(self, query: str, **variables: Any) -> Json:
        """The whole answer, with its errors."""
        response = await self.http.post("/graphql", json={"query": query, "variables": variables})
        answer: Json = response.json()
        assert response.status_code == (200 if "data" in answer else 400), answer
        return answer

    async def ask(self, query: str, **variables: Any) -> Json:
        """The data of an answer without errors."""
        answer = await self.answer(query, **variables)
        assert "errors" not in answer, answer["errors"]
        data: Json = answer["data"]
        return data

    async def do(self, query: str, **variables: Any) -> Json:
        """The payload of a mutation; it has a fresh key unless one is given."""
        data = await self.ask(query, **{"key": str(new_id()), **variables})
        [payload] = data.values()
        found: Json = payload
        return found


@dataclass
class Subscription:
    """An operation over a WebSocket of its own."""

    socket: ClientConnection

    async def next(self) -> Json:
        """The data of the next event."""
        message = await self._receive()
        assert message["type"] == "next", message
        payload: Json = message["payload"]
        assert "errors" not in payload, payload["errors"]
        data: Json = payload["data"]
        return data

    async def refused(self) -> Json:
        """The one error that it broke off with."""
        message = await self._receive()
        assert message["type"] == "error", message
        [error] = message["payload"]
        found: Json = error
        return found

    async def _receive(self) -> Json:
        while True:
            async with asyncio.timeout(_DEADLINE):
                message: Json = json.loads(await self.socket.recv())
            if message["type"] != "ping":
                return message
            await self.socket.send('{"type": "pong"}')


@dataclass
class Site:
    """A running product."""

    world: World
    key: LocalKey
    port: int
    server: Server = field(repr=False)

    @property
    def tenant_id(self) -> UUID:
        return self.world.commits.journal.tenant_id

    def token(
        self,
        user_id: UUID,
        *,
        tenant_id: UUID | None = None,
        roles: Iterable[Role] = (Role.INVESTOR,),
        scopes: Iterable[Scope] = tuple(Scope),
    ) -> str:
        return self.key.issue(tenant_id or self.tenant_id, user_id, roles, scopes, _LIFETIME)

    @asynccontextmanager
    async def client(
        self,
        user_id: UUID | None = None,
        *,
        tenant_id: UUID | None = None,
        roles: Sequence[Role] = (Role.INVESTOR,),
        scopes: Sequence[Scope] = tuple(Scope),
    ) -> AsyncIterator[Client]:
        """A user, by default a new one, who may do everything that an investor may."""
        user_id = user_id or new_id()
        token = self.token(user_id, tenant_id=tenant_id, roles=roles, scopes=scopes)
        async with httpx2.AsyncClient(
            base_url=f"http://127.0.0.1:{self.port}",
            headers={"Authorization": f"Bearer {token}"},
            timeout=_DEADLINE,
            trust_env=False,
        ) as http:
            yield Client(http, user_id)

    @asynccontextmanager
    async def subscribed(self, user_id: UUID, query: str, **variables: Any) -> AsyncIterator[Subscription]:
        """The user's subscription."""
        async with connect(
            f"ws://127.0.0.1:{self.port}/graphql",
            subprotocols=[_PROTOCOL],
            ping_interval=None,
            compression=None,
            close_timeout=1,
            proxy=None,
        ) as socket:
            greeting = {"Authorization": f"Bearer {self.token(user_id)}"}
            await socket.send(json.dumps({"type": "connection_init", "payload": greeting}))
            assert json.loads(await socket.recv()) == {"type": "connection_ack"}
            payload = {"query": query, "variables": variables}
            await socket.send(json.dumps({"type": "subscribe", "id": "1", "payload": payload}))
            yield Subscription(socket)


@asynccontextmanager
async def serving(url: str, *, sandbox_rail: bool = True) -> AsyncIterator[Site]:
    """The product on the database at ``url``, with a tenant and a clock of its own."""
    async with running(url) as world:
        services = Services(
            api=world.api,
            shared_reads=SharedReads(world.api),
            engine_pool=world.pool,
            writers=world.writers,
            market=world.market,
            orders=world.engine,
            hub=world.hub,
            custodian=PaperCustodian(world.pool, world.clock),
            clock=world.clock,
            seals=world.seals,
            sandbox_rail=sandbox_rail,
            simulated=True,
        )
        key = LocalKey(b"k" * 32, world.clock)
        server = make_server(application(services, Settings.model_construct(), key, url), lifespan=False, patience=5)
        # Its parts, without the signals and the loop that waits for them.
        server.config.load()
        server.lifespan = server.config.lifespan_class(server.config)
        listening = listen("127.0.0.1", 0)
        await server.startup(sockets=[listening])
        try:
            yield Site(world, key, listening.getsockname()[1], server)
        finally:
            await server.shutdown(sockets=[listening])
            await services.shared_reads.close()
