"""From settings to a server that answers: the database, the rooms at work, the ASGI application, uvicorn."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
from sqlalchemy import text
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import BaseRoute, Route

from app.gateway.app import GatewayOptions, build
from app.gateway.serve import listen, make_server
from app.identity.keys import local_key
from app.identity.tokens import LocalKey
from app.infra import embedded, migrate
from app.infra.collector import set_for_batches
from app.kernel.clock import SystemClock
from app.kernel.principal import Principal
from app.services import running
from app.settings import Settings
from resolvers.context import Context, Services
from schema.schema import schema

DATABASE = "wealthgraph"


def local_tokens(settings: Settings) -> LocalKey:
    """The key of tokens: the one that is set, or the one kept beside the embedded data."""
    given = settings.token_key.get_secret_value() if settings.token_key else None
    return local_key(settings.wealthgraph_home, given, SystemClock())


@contextmanager
def database(settings: Settings) -> Iterator[str]:
    """The URL of the database: the one that is set, or the embedded one for as long as the block."""
    if settings.database_url is not None:
        yield settings.database_url.get_secret_value()
        return
    with embedded.run(settings.wealthgraph_home / "postgres") as server:
        yield server.url(DATABASE)


async def prepare(url: str, settings: Settings) -> None:
    """Create the embedded database if need be, and bring any database to the newest revision."""
    if settings.database_url is None:
        maintenance = url.replace(f"/{DATABASE}?", "/postgres?")
        connection = await asyncpg.connect(maintenance)
        try:
            if not await connection.fetchval("SELECT true FROM pg_database WHERE datname = $1", DATABASE):
                await connection.execute(f"CREATE DATABASE {DATABASE}")
        except asyncpg.DuplicateDatabaseError:
            pass  # another process was faster
        finally:
            await connection.close()
    await migrate.upgrade(url)


def application(
    services: Services, settings: Settings, tokens: LocalKey, url: str, extra_routes: tuple[BaseRoute, ...] = ()
) -> Starlette:
    """The ASGI application over the rooms at work."""

    def make_context(principal: Principal, one_moment: bool) -> Context:
        return Context(services, principal, one_moment=one_moment)

    async def ready() -> dict[str, bool | str]:
        async with services.api.connect() as connection:
            await connection.execute(text("SELECT 1"))
        found = await migrate.current(url)
        return {"database": True, "migrations": found == migrate.newest() or f"at {found}, not {migrate.newest()}"}

    return build(
        schema=schema,
        make_context=make_context,
        verifier=tokens,
        clock=services.clock,
        ready=ready,
        options=GatewayOptions(origins=tuple(settings.allowed_origins)),
        extra_routes=(*_reading(), *extra_routes),
    )


def _reading() -> list[BaseRoute]:
    """What one may want to read beside the pages: the contract, and how the house is built."""
    contract = schema.as_str() + "\n"
    found: list[BaseRoute] = [Route("/schema.graphql", lambda _: PlainTextResponse(contract))]
    house = Path(__file__).parents[1] / "docs" / "architecture.md"
    if house.exists():
        found.append(Route("/docs", lambda _: PlainTextResponse(house.read_text())))
    return found


Started = Callable[[Services], Awaitable[tuple[BaseRoute, ...]]]


async def serve(url: str, settings: Settings, tokens: LocalKey, started: Started | None = None) -> None:
    """Serve until told to stop. ``started`` is called once the rooms are at work; what it answers is served too."""
    await prepare(url, settings)
    socket = listen(settings.host, settings.port)
    async with running(url, settings) as services:
        routes = await started(services) if started else ()
        set_for_batches()
        server = make_server(application(services, settings, tokens, url, routes), lifespan=False)
        await server.serve(sockets=[socket])
