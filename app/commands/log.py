"""The log: added up again, archived, and verified against what was signed."""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

import typer

from app import main as server
from app.commands.shell import cli, settings_of


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
    from app.infra.database import LOST
    from app.ledger.reader import ReaderLost
    from app.replay import replay_all

    def progress(done: int, of: int) -> None:
        if sys.stderr.isatty():
            width = 40 * done // of
            end = "\n" if done == of else ""
            print(f"\r{'█' * width:░<40} {done:,} of {of:,}", end=end, file=sys.stderr, flush=True)

    settings = settings_of()
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
        except (ReaderLost, *LOST) as error:
            typer.echo(f"The replay was not finished: {error}.", err=True)
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
    from app.proofs import seals_of

    if drop and not detach:
        raise typer.BadParameter("only what is taken out of the log can be deleted: add --detach", param_hint="--drop")
    settings = settings_of()
    with server.database(settings) as url:
        seals, until = seals_of(settings), before.replace(tzinfo=UTC)
        with _reaching(to):
            agrees = asyncio.run(archive_all(url, to, until, seals, typer.echo, detached=detach, drop=drop))
    raise typer.Exit(0 if agrees else 1)


@cli.command()
def check_archive(place: Annotated[str, typer.Argument(help="A folder, or a URL such as s3://bucket/prefix.")]) -> None:
    """Check an archive from itself alone: nothing is missing or changed, and it adds up."""
    from app.archive import check_all

    with _reaching(place):
        agrees = asyncio.run(check_all(place, typer.echo))
    raise typer.Exit(0 if agrees else 1)


@contextmanager
def _reaching(archive: str) -> Iterator[None]:
    """What can't be reached is said in a line."""
    from obstore.exceptions import BaseError

    try:
        yield
    except (BaseError, FileNotFoundError, NotADirectoryError, PermissionError) as error:
        typer.echo(f"{archive} can't be read or written: {str(error).splitlines()[0]}", err=True)
        raise typer.Exit(2) from None


@cli.command()
def verify(
    tenant: Annotated[UUID | None, typer.Argument(help="A tenant's id; without it, everybody.")] = None,
    archive: Annotated[str | None, typer.Option(help="Where entries are that have left the log.")] = None,
) -> None:
    """Work the whole Merkle tree out again from the log and compare it with every published checkpoint."""
    from app.infra.collector import set_for_batches
    from app.proofs import seals_of, verify_all

    settings = settings_of()
    set_for_batches()
    with server.database(settings) as url:
        try:
            agree = asyncio.run(verify_all(url, seals_of(settings), tenant, typer.echo, archive))
        except (LookupError, ValueError) as error:
            typer.echo(f"{error}.", err=True)
            raise typer.Exit(2) from None
    raise typer.Exit(0 if agree else 1)


@cli.command()
def history(
    account: Annotated[str, typer.Argument(help="An account's id, from the API.")],
    archive: Annotated[str | None, typer.Option(help="Where entries are that have left the log.")] = None,
) -> None:
    """Print an account's whole history with its proofs, as lines for verifier/wealthgraph_verify.py."""
    from app.ledger.archive.parts import ArchiveBroken
    from app.proof.log import LogDamaged
    from app.proofs import export_history

    settings = settings_of()
    with server.database(settings) as url:
        try:
            asyncio.run(export_history(url, account, typer.echo, archive))
        except LogDamaged as damage:
            typer.echo(f"The log is damaged: {damage}. Run `wealthgraph verify`.", err=True)
            raise typer.Exit(1) from None
        except ArchiveBroken as broken:
            typer.echo(f"The archive is damaged: {broken}. Run `wealthgraph check-archive`.", err=True)
            raise typer.Exit(1) from None
        except (LookupError, ValueError) as error:
            typer.echo(f"{error}.", err=True)
            raise typer.Exit(2) from None


@cli.command()
def proof_keys() -> None:
    """Print the public keys of every journal's checkpoints: publish them where people trust you."""
    from app.proofs import public_keys, seals_of

    settings = settings_of()
    with server.database(settings) as url:
        try:
            keys = asyncio.run(public_keys(url, seals_of(settings)))
        except ValueError as error:
            typer.echo(f"{error}.", err=True)
            raise typer.Exit(2) from None
    for key in keys:
        typer.echo(key)
