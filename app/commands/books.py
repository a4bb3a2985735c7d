"""The firm's books: the general ledger, reconciliation, a customer's export."""

import asyncio
import sys
import zipfile
from datetime import datetime
from pathlib import Path
from typing import IO, Annotated
from uuid import UUID

import typer

from app import main as server
from app.commands.shell import cli, explained, settings_of, warn
from app.kernel.money import to_text

Tenant = Annotated[UUID | None, typer.Option(help="Of which tenant; there may be only one otherwise.")]
DAY = ["%Y-%m-%d"]


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
        count = asyncio.run(books.write_general_ledger(url, tenant, between, out, lambda _: None, warn))
        typer.echo(f"{count:,} lines.", err=True)

    settings = settings_of()
    with server.database(settings) as url, explained():
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

    settings = settings_of()
    with server.database(settings) as url, explained():
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

    settings = settings_of()
    with server.database(settings) as url, explained(), books.whole(output) as path:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            told: dict[str, int] = {}
            asyncio.run(books.write_account(url, account, archive, told.__setitem__, warn))
        typer.echo("\n".join(f"{name}: {count:,}" for name, count in told.items()))
