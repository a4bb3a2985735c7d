"""Real server processes on one database."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import asyncpg
import httpx2

from app.demo.client import Client
from app.identity.tokens import LocalKey
from app.infra.database import ENGINE_ROLE
from app.kernel.clock import SystemClock
from app.kernel.principal import Role, Scope
from app.ledger.books import open_tenant
from tests.ports import free_port

KEY = "k" * 40
_START = 60.0


@dataclass(frozen=True)
class ServerProcess:
    """One ``wealthgraph serve``."""

    process: asyncio.subprocess.Process
    url: str

    async def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        await self.process.wait()


@dataclass(frozen=True)
class Servers:
    """Some servers on one database, and a tenant."""

    servers: list[ServerProcess]
    tenant_id: UUID
    http: httpx2.AsyncClient

    def client(self, server: int, user: UUID) -> Client:
        return Client(self.http, self.servers[server].url, self.token(user))

    def token(self, user: UUID) -> str:
        tokens = LocalKey(KEY.encode(), SystemClock())
        return tokens.issue(self.tenant_id, user, [Role.INVESTOR], list(Scope), timedelta(hours=1))


@asynccontextmanager
async def servers(url: str, count: int) -> AsyncIterator[Servers]:
    """Start them, wait until they are ready, and stop them at the end."""
    connection = await asyncpg.connect(url, server_settings={"role": ENGINE_ROLE})
    tenant_id = (await open_tenant(connection, "Shared", SystemClock().now())).tenant_id
    await connection.close()
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(httpx2.AsyncClient(timeout=30, trust_env=False))
        started = [await stack.enter_async_context(_server(url)) for _ in range(count)]
        for each in started:
            await _ready(http, each.url)
        yield Servers(started, tenant_id, http)


@asynccontextmanager
async def _server(url: str) -> AsyncIterator[ServerProcess]:
    port = free_port()
    environment = {**os.environ, "DATABASE_URL": url, "TOKEN_KEY": KEY, "SANDBOX_RAIL": "true", "LOG_LEVEL": "WARNING"}
    program = "from app.cli import main; main()"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, "serve", "--port", str(port), env=environment
    )
    try:
        yield ServerProcess(process, f"http://127.0.0.1:{port}")
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(30):
                await process.wait()
            assert process.returncode == 0


async def _ready(http: httpx2.AsyncClient, url: str) -> None:
    async with asyncio.timeout(_START):
        while True:
            try:
                if (await http.get(f"{url}/readyz")).status_code == 200:
                    return
            except httpx2.TransportError:
                await asyncio.sleep(0.05)
