"""Running the product: the server, the demo, the sandbox venue, and what they need."""

import asyncio
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated
from uuid import UUID

import asyncpg
import typer

from app import main as server
from app.commands.shell import cli, run, settings_of
from app.infra import migrate as migrations
from app.infra.database import ENGINE_ROLE
from app.kernel.errors import Refusal
from schema.schema import schema as whole_schema

Host = Annotated[str | None, typer.Option(help="The address to listen on.")]
Port = Annotated[int | None, typer.Option(help="The port to listen on.")]
SDL = Path(__file__).parents[2] / "schema" / "schema.graphql"


@cli.command()
def serve(host: Host = None, port: Port = None) -> None:
    """Run the server: on DATABASE_URL when that is set, else on an embedded PostgreSQL."""
    settings = settings_of(host, port)
    with server.database(settings) as url:
        run(server.serve(url, settings, server.local_tokens(settings)))


@cli.command()
def demo(
    host: Host = None,
    port: Port = None,
    investors: Annotated[int, typer.Option(help="How many simulated investors trade.", min=0, max=2000)] = 300,
    fix: Annotated[bool, typer.Option(help="Deal in shares through a FIX 4.4 session with a sandbox venue.")] = False,
) -> None:
    """Run everything on this machine, with simulated investors who trade through the public API."""
    from app.demo.show import show

    settings = settings_of(host, port, sandbox_rail=True)
    if fix:
        settings = settings.model_copy(update={"fix_venue": f"127.0.0.1:{settings.sandbox_venue_port}"})
    show(settings, investors, fix=fix)


@cli.command()
def sandbox_venue(host: Host = None, port: Port = None) -> None:
    """Run a venue that speaks FIX 4.4 and deals on the simulated market: what FIX_VENUE can point to."""
    from app.fix_venues import serve_sandbox_venue

    async def work(url: str) -> None:
        await server.prepare(url, settings)
        await serve_sandbox_venue(url, settings)

    settings = settings_of(sandbox_venue_host=host, sandbox_venue_port=port)
    with server.database(settings) as url:
        run(work(url))


@cli.command()
def migrate() -> None:
    """Bring the database to the newest revision."""
    settings = settings_of()
    with server.database(settings) as url:
        run(server.prepare(url, settings))
        typer.echo(f"The database is at revision {migrations.newest()}.")


@cli.command()
def token(
    tenant: Annotated[UUID, typer.Option(help="The tenant.")],
    user: Annotated[UUID, typer.Option(help="The user.")],
    operator: Annotated[bool, typer.Option(help="For an operator instead of an investor.")] = False,
    hours: Annotated[int, typer.Option(help="How long it lasts.", min=1, max=720)] = 1,
) -> None:
    """Issue a bearer token with the local key: for development, until an identity provider is linked."""
    from app.kernel.principal import INVESTORS, Role, Scope

    role = Role.OPERATOR if operator else Role.INVESTOR
    scopes = [Scope.READ, Scope.OPERATE] if operator else INVESTORS
    issued = server.local_tokens(settings_of()).issue(tenant, user, [role], scopes, timedelta(hours=hours))
    typer.echo(issued)


@cli.command()
def tenant(name: Annotated[str, typer.Argument(help="How it is called; one of that name is found again.")]) -> None:
    """Open a tenant, or find it, and print its id."""

    async def open_or_find(url: str) -> UUID:
        from app.kernel.clock import SystemClock
        from app.ledger.books import open_tenant, tenant_named

        await server.prepare(url, settings)
        connection = await asyncpg.connect(url, server_settings={"role": ENGINE_ROLE})
        try:
            async with connection.transaction():
                found = await tenant_named(connection, name)
                return found or (await open_tenant(connection, name, SystemClock().now())).tenant_id
        finally:
            await connection.close()

    settings = settings_of()
    with server.database(settings) as url:
        typer.echo(asyncio.run(open_or_find(url)))


@cli.command()
def split(
    symbol: Annotated[str, typer.Argument(help="Whose shares.")],
    new: Annotated[str, typer.Argument(help="So many new shares, such as 4 ...")],
    old: Annotated[str, typer.Argument(help="... for so many old ones, such as 1.")],
    ex_date: Annotated[datetime, typer.Argument(help="The first day at the new terms.", formats=["%Y-%m-%d"])],
) -> None:
    """Split a share of the simulated market, for all tenants; each then announces it for its own accounts."""

    async def work(url: str) -> None:
        from app.corporate_actions.market_split import split_market
        from app.kernel.clock import SystemClock
        from app.kernel.money import parse, to_units
        from app.market.catalogue import INSTRUMENTS

        found = next((each for each in INSTRUMENTS if each.symbol == symbol.upper()), None)
        if found is None:
            raise ValueError(f"there is no instrument {symbol!r}")
        ratio = to_units(parse(new)), to_units(parse(old))
        connection = await asyncpg.connect(url, server_settings={"role": ENGINE_ROLE})
        try:
            await split_market(connection, SystemClock(), found, *ratio, ex_date.date())
        finally:
            await connection.close()

    settings = settings_of()
    with server.database(settings) as url:
        try:
            asyncio.run(work(url))
        except (ValueError, Refusal) as error:
            typer.echo(f"Nothing was split: {error}", err=True)
            raise typer.Exit(2) from None
    typer.echo(f"{symbol.upper()} is split {new} for {old} on {ex_date:%Y-%m-%d}: announce it in each tenant.")


@cli.command()
def schema(
    check: Annotated[bool, typer.Option(help="Compare with the committed file instead of printing.")] = False,
) -> None:
    """Print the GraphQL schema."""
    printed = whole_schema.as_str() + "\n"
    if not check:
        typer.echo(printed, nl=False)
    elif printed != SDL.read_text():
        typer.echo(f"{SDL.name} is out of date: run `make schema` and look at what changed.", err=True)
        raise typer.Exit(1)
