"""``wealthgraph demo``: the server, the sandbox and the crowd, and a list of what to open."""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import uvloop
from rich.console import Console
from rich.panel import Panel
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from starlette.routing import BaseRoute

from app import main as server
from app.demo.sandbox import fund, open_sandbox
from app.demo.session import session_route
from app.identity.tokens import LocalKey
from app.settings import Settings
from resolvers.context import Services

console = Console(highlight=False)


def show(settings: Settings, investors: int, *, fix: bool) -> None:
    """Run the demo until Ctrl-C; with ``fix`` shares are dealt by a venue in a process of its own."""
    tokens = server.local_tokens(settings)
    with console.status("Starting PostgreSQL"):
        database = server.database(settings)
        url = database.__enter__()
    try:
        uvloop.run(_run(url, settings, tokens, investors, fix=fix))
    except KeyboardInterrupt:
        pass
    except OSError as error:
        console.print(f"[red]{error}[/]  (another server on port {settings.port}? try --port)")
        raise SystemExit(1) from None
    finally:
        console.print("Stopping: what was begun is finished first.")
        database.__exit__(None, None, None)
    console.print("Stopped. `make demo` goes on with the same data.")


async def _run(url: str, settings: Settings, tokens: LocalKey, investors: int, *, fix: bool) -> None:
    crowd: asyncio.Task[None] | None = None
    venue = contextlib.AsyncExitStack()

    async def started(services: Services) -> tuple[BaseRoute, ...]:
        nonlocal crowd
        async with services.engine_pool.acquire() as connection:
            tenant_id = await open_sandbox(connection, services.clock.now())
        await fund(await services.writers.of(tenant_id))
        if fix:
            await venue.enter_async_context(_sandbox_venue(url, settings))
        crowd = asyncio.create_task(_crowd(settings, tenant_id, investors))
        return (session_route(tokens, tenant_id, services),)

    console.print("Preparing the database and the price history of 30 years (the first time takes a few seconds)")
    try:
        await server.serve(url, settings, tokens, started)
    finally:
        if crowd is not None:
            crowd.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await crowd
        await venue.aclose()


@asynccontextmanager
async def _sandbox_venue(url: str, settings: Settings) -> AsyncIterator[None]:
    """The FIX venue of the sandbox, in a process of its own, which speaks to us through FIX alone."""
    environment = {**os.environ, "DATABASE_URL": url, "WEALTHGRAPH_HOME": str(settings.wealthgraph_home)}
    program = "from app.cli import main; main()"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, "sandbox-venue", env=environment, start_new_session=True
    )
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def _crowd(settings: Settings, tenant_id: UUID, count: int) -> None:
    address = f"http://127.0.0.1:{settings.port}"
    async with _process(settings, address, tenant_id, count) as process:
        assert process.stdout is not None
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        with Progress(*columns, console=console, transient=True) as progress:
            arriving = progress.add_task("Investors open accounts through the API", total=count)
            while count and (line := (await process.stdout.readline()).decode()):
                arrived = int(line.removeprefix("arrived "))
                progress.update(arriving, completed=arrived)
                if arrived == count:
                    break
        _welcome(address, count)
        await process.wait()


@asynccontextmanager
async def _process(
    settings: Settings, address: str, tenant_id: UUID, count: int
) -> AsyncIterator[asyncio.subprocess.Process]:
    home = str(settings.wealthgraph_home.resolve())
    asked = ["--url", address, "--home", home, "--tenant", str(tenant_id), "--count", str(count)]
    # In a session of its own: Ctrl-C is the server's to hear, which then ends the crowd.
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "app.demo.crowd",
        *asked,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


def _welcome(address: str, count: int) -> None:
    console.print(
        Panel.fit(
            f"[bold]{count} simulated investors are trading.[/] Open\n\n"
            f"  {address}/            the live page: windows, market orders, exact fills\n"
            f"  {address}/graphiql    the API, with a token and examples in place\n"
            f"  {address}/readyz      is everything well?\n\n"
            "In another terminal, try\n\n"
            "  .venv/bin/wealthgraph replay    every balance again, from the log alone\n"
            "  kill -9 this process, and start it again: every balance is right\n\n"
            "Ctrl-C stops it all; starting again goes on with the same data.\n"
            "[dim]Prices are simulated on real daily closes. Nothing here is an offer.[/]",
            title="Wealthgraph",
            border_style="green",
        )
    )
