"""The command line: ``wealthgraph --help`` says what there is."""

import asyncio
import signal
import sys
import zipfile
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Annotated
from uuid import UUID

import asyncpg
import typer
import uvloop

from app import main as server
from app.infra import migrate as migrations
from app.infra.database import ENGINE_ROLE
from app.infra.logging import configure
from app.kernel.errors import Refusal
from app.kernel.money import to_text
from app.settings import Settings
from schema.schema import schema as whole_schema

cli = typer.Typer(help="A wealth platform's backend.", no_args_is_help=True, pretty_exceptions_show_locals=False)

Host = Annotated[str | None, typer.Option(help="The address to listen on.")]
Port = Annotated[int | None, typer.Option(help="The port to listen on.")]
Tenant = Annotated[UUID | None, typer.Option(help="Of which tenant; there may be only one otherwise.")]
DAY = ["%Y-%m-%d"]
SDL = Path(__file__).parents[1] / "schema" / "schema.graphql"


def main() -> None:
    """Entry point of the ``wealthgraph`` command."""
    cli()


@cli.command()
def serve(host: Host = None, port: Port = None) -> None:
    """Run the server: on DATABASE_URL when that is set, else on an embedded PostgreSQL."""
    settings = _settings(host, port)
    with server.database(settings) as url:
        _run(server.serve(url, settings, server.local_tokens(settings)))


@cli.command()
def demo(
    host: Host = None,
    port: Port = None,
    investors: Annotated[int, typer.Option(help="How many simulated investors trade.", min=0, max=2000)] = 300,
    fix: Annotated[bool, typer.Option(help="Deal in shares through a FIX 4.4 session with a sandbox venue.")] = False,
) -> None:
    """Run everything on this machine, with simulated investors who trade through the public API."""
    from app.demo.show import show

    settings = _settings(host, port, sandbox_rail=True)
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

    settings = _settings(sandbox_venue_host=host, sandbox_venue_port=port)
    with server.database(settings) as url:
        _run(work(url))


@cli.command()
def migrate() -> None:
    """Bring the database to the newest revision."""
    settings = _settings()
    with server.database(settings) as url:
        _run(server.prepare(url, settings))
        typer.echo(f"The database is at revision {migrations.newest()}.")


@cli.command()
def replay(
    account: Annotated[
        str | None, typer.Argument(help="An account's id, from the API; without it, everything.")
    ] = None,
    tenant: Annotated[UUID | None, typer.Option(help="Only this tenant's journal.")] = None,
    from_snapshots: Annotated[
        bool, typer.Option(help="One account: go on from its newest snapshots, not from its beginning.")
    ] = False,
    processes: Annotated[int | None, typer.Option(help="How many to work with; one for each core.", min=1)] = None,
) -> None:
    """Re-derive balances from the log and say whether the books agree."""
    from app.replay import replay_all

    def progress(done: int, of: int) -> None:
        if sys.stderr.isatty():
            width = 40 * done // of
            end = "\n" if done == of else ""
            print(f"\r{'█' * width:░<40} {done:,} of {of:,}", end=end, file=sys.stderr, flush=True)

    settings = _settings()
    with server.database(settings) as url:
        try:
            work = replay_all(
                url,
                account,
                tenant,
                typer.echo,
                from_snapshots=from_snapshots,
                processes=processes,
                progress=progress,
            )
            agree = asyncio.run(work)
        except (LookupError, ValueError) as error:
            typer.echo(f"{error}; take the id of an account from the API.", err=True)
            raise typer.Exit(2) from None
    raise typer.Exit(0 if agree else 1)


@cli.command()
def archive(
    to: Annotated[str, typer.Argument(help="A folder, or a URL such as s3://bucket/prefix.")],
    before: Annotated[datetime, typer.Option(help="Only what was recorded before this day (UTC).")],
    detach: Annotated[bool, typer.Option(help="Take what is archived and checked out of the log.")] = False,
    drop: Annotated[bool, typer.Option(help="With --detach: delete its tables too.")] = False,
) -> None:
    """Write old partitions of the log to an archive and check them there."""
    from app.archive import archive_all

    if drop and not detach:
        raise typer.BadParameter("only what is taken out of the log can be deleted: add --detach", param_hint="--drop")
    settings = _settings()
    with server.database(settings) as url:
        work = archive_all(url, to, before.replace(tzinfo=UTC), typer.echo, detached=detach, drop=drop)
        raise typer.Exit(0 if asyncio.run(work) else 1)


@cli.command()
def check_archive(place: Annotated[str, typer.Argument(help="A folder, or a URL such as s3://bucket/prefix.")]) -> None:
    """Check an archive from itself alone: nothing is missing or changed, and it adds up."""
    from app.archive import check_all

    raise typer.Exit(0 if asyncio.run(check_all(place, typer.echo)) else 1)


@cli.command()
def general_ledger(
    first: Annotated[datetime | None, typer.Option("--from", help="The first day, in New York.", formats=DAY)] = None,
    last: Annotated[datetime | None, typer.Option("--to", help="The last day, in New York.", formats=DAY)] = None,
    tenant: Tenant = None,
    output: Annotated[Path | None, typer.Option(help="Where to write; the terminal if none is given.")] = None,
) -> None:
    """Write the general ledger as CSV: every side of every transfer, by the day on which it took effect."""
    from app import books
    from app.accounting.general_ledger import Between

    between = Between(first.date() if first else None, last.date() if last else None)

    def write(url: str, out: IO[str]) -> None:
        count = asyncio.run(books.write_general_ledger(url, tenant, between, out, lambda _: None, _warn))
        typer.echo(f"{count:,} lines.", err=True)

    settings = _settings()
    with server.database(settings) as url, _explained():
        if output is None:
            write(url, sys.stdout)
            return
        with books.whole(output) as path, path.open("w", newline="") as out:
            write(url, out)


@cli.command()
def reconcile(
    file: Annotated[Path, typer.Argument(help="What the custodian and the bank say, as CSV.", exists=True)],
    tenant: Tenant = None,
) -> None:
    """Compare our books with the custodian's and the bank's file; what disagrees becomes a case."""
    from app import books

    settings = _settings()
    with server.database(settings) as url, _explained():
        text = file.read_text(encoding="utf-8-sig")
        run = books.reconcile_file(url, tenant, text, file.name, settings.market_speed)
        found = asyncio.run(run)
    for each in found.breaks:
        ours, theirs, asset = to_text(each.ours), to_text(each.theirs), each.asset
        typer.echo(f"  BREAK: {each.account.name}, asset {asset}: our books say {ours}, they say {theirs}.")
    typer.echo(f"{found.compared} balances as of {found.as_of.isoformat()}, {len(found.breaks)} disagree.")
    raise typer.Exit(1 if found.breaks else 0)


@cli.command()
def export_account(
    account: Annotated[str, typer.Argument(help="The account's id, from the API.")],
    output: Annotated[Path, typer.Argument(help="The ZIP to write.")],
) -> None:
    """Write everything that belongs to a customer's account."""
    from app import books

    settings = _settings()
    with server.database(settings) as url, _explained(), books.whole(output) as path:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            told: dict[str, int] = {}
            asyncio.run(books.write_account(url, account, archive, told.__setitem__, _warn))
        typer.echo("\n".join(f"{name}: {count:,}" for name, count in told.items()))


def _warn(text: str) -> None:
    typer.echo(text, err=True)


@contextmanager
def _explained() -> Iterator[None]:
    """What was wrong with a command, in words instead of a traceback."""
    try:
        yield
    except (LookupError, ValueError, OverflowError, OSError, Refusal) as error:
        typer.echo(f"{error}", err=True)
        raise typer.Exit(2) from None


@cli.command()
def verify(
    tenant: Annotated[UUID | None, typer.Argument(help="A tenant's id; without it, everybody.")] = None,
    archive: Annotated[str | None, typer.Option(help="Where entries are that have left the log.")] = None,
) -> None:
    """Work the whole Merkle tree out again from the log and compare it with every published checkpoint."""
    from app.infra.collector import set_for_batches
    from app.proofs import seals_of, verify_all

    settings = _settings()
    set_for_batches()
    with server.database(settings) as url:
        try:
            agree = asyncio.run(verify_all(url, seals_of(settings), tenant, typer.echo, archive))
        except (LookupError, ValueError) as error:
            typer.echo(f"{error}.", err=True)
            raise typer.Exit(2) from None
    raise typer.Exit(0 if agree else 1)


@cli.command()
def history(account: Annotated[str, typer.Argument(help="An account's id, from the API.")]) -> None:
    """Print an account's whole history with its proofs, as lines for verifier/wealthgraph_verify.py."""
    from app.proof.log import LogDamaged
    from app.proofs import export_history

    settings = _settings()
    with server.database(settings) as url:
        try:
            asyncio.run(export_history(url, account, typer.echo))
        except LogDamaged as damage:
            typer.echo(f"The log is damaged: {damage}. Run `wealthgraph verify`.", err=True)
            raise typer.Exit(1) from None
        except (LookupError, ValueError) as error:
            typer.echo(f"{error}; take the id of an account from the API.", err=True)
            raise typer.Exit(2) from None


@cli.command()
def proof_keys() -> None:
    """Print the public keys of every journal's checkpoints: publish them where people trust you."""
    from app.proofs import public_keys, seals_of

    settings = _settings()
    with server.database(settings) as url:
        try:
            keys = asyncio.run(public_keys(url, seals_of(settings)))
        except ValueError as error:
            typer.echo(f"{error}.", err=True)
            raise typer.Exit(2) from None
    for key in keys:
        typer.echo(key)


@cli.command()
def backup(
    folder: Annotated[Path, typer.Argument(help="Where to; on another disk than the database, or another machine.")],
    follow: Annotated[bool, typer.Option(help="Go on receiving the log until stopped.")] = False,
    keep: Annotated[
        int | None, typer.Option(help="Remove all but so many base backups, and the log before them.", min=1)
    ] = None,
    slot: Annotated[
        str, typer.Option(help="With --follow: the replication slot, and the name as a standby.")
    ] = "wealthgraph_backup",
) -> None:
    """Back the database up: a verified base backup, and with --follow the log after it."""
    from app.backup import back_up, back_up_and_follow
    from app.infra.backup.tools import BackupError

    def say(line: str) -> None:
        print(line, flush=True)

    settings = _settings()
    with server.database(settings) as url:
        if follow:
            work: Coroutine[object, object, object] = back_up_and_follow(url, folder, say, keep=keep, slot=slot)
        else:
            work = back_up(url, folder, say, keep=keep)
        try:
            finished = _run(_until_stopped(work))
        except BackupError as error:
            typer.echo(f"{error}", err=True)
            raise typer.Exit(1) from None
    if not (follow or finished):
        typer.echo("Stopped before the base backup was finished: nothing was kept.", err=True)
        raise typer.Exit(1)


@cli.command()
def restore(
    folder: Annotated[Path, typer.Argument(help="Where the backup is.")],
    home: Annotated[Path, typer.Option(help="The new home (WEALTHGRAPH_HOME) to make; nothing may be there.")],
    at: Annotated[
        str | None,
        typer.Option(help="Everything committed by this time, as 2026-11-25T14:30:00 (UTC unless it says otherwise)."),
    ] = None,
) -> None:
    """Restore a backup into a new home, to the end or to a point in time, and replay its log."""
    from app.backup import restore_into
    from app.infra.backup.tools import BackupError

    _settings()
    try:
        time = datetime.fromisoformat(at) if at else None
    except ValueError:
        raise typer.BadParameter(f"{at!r} is not a time such as 2026-11-25T14:30:00", param_hint="--at") from None
    if time is not None and time.tzinfo is None:
        time = time.replace(tzinfo=UTC)
    try:
        agree = restore_into(folder, home, time, typer.echo)
    except BackupError as error:
        typer.echo(f"{error}", err=True)
        raise typer.Exit(2) from None
    typer.echo(f"`WEALTHGRAPH_HOME={home} wealthgraph serve` goes on from there.")
    raise typer.Exit(0 if agree else 1)


@cli.command()
def drill(
    seconds: Annotated[float, typer.Option(help="How long to post before everything is lost.", min=1, max=600)] = 6,
    callers: Annotated[int, typer.Option(help="How many post at once.", min=1, max=2_000)] = 100,
) -> None:
    """Lose a server under load, restore it, and measure what is lost and how long it takes."""
    from app.drill.drill import drill as run_drill

    _settings(log_level="CRITICAL")  # losing the database is what it is about
    raise typer.Exit(0 if run_drill(seconds, callers, typer.echo) else 1)


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
    issued = server.local_tokens(_settings()).issue(tenant, user, [role], scopes, timedelta(hours=hours))
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

    settings = _settings()
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

    settings = _settings()
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


def _settings(host: str | None = None, port: int | None = None, **more: object) -> Settings:
    given = {name: value for name, value in {"host": host, "port": port, **more}.items() if value is not None}
    settings = Settings(**given)  # type: ignore[arg-type]
    configure(settings.log_level)
    return settings


async def _until_stopped(work: Coroutine[object, object, object]) -> bool:
    """Whether it was finished. SIGTERM ends it as Ctrl-C does: what was started is stopped."""
    task = asyncio.ensure_future(work)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        return False
    return True


def _run(work: object) -> object:
    try:
        return uvloop.run(work)  # type: ignore[arg-type]
    except KeyboardInterrupt:
        return None
    except OSError as error:
        typer.echo(f"{error}", err=True)
        raise typer.Exit(1) from None
