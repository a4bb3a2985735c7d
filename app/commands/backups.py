"""Backup, restore, and the drill."""

from collections.abc import Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from app import main as server
from app.commands.shell import cli, run, settings_of, until_stopped


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

    settings = settings_of()
    with server.database(settings) as url:
        if follow:
            work: Coroutine[object, object, object] = back_up_and_follow(url, folder, say, keep=keep, slot=slot)
        else:
            work = back_up(url, folder, say, keep=keep)
        try:
            finished = run(until_stopped(work))
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

    settings_of()
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

    settings_of(log_level="CRITICAL")  # losing the database is what it is about
    raise typer.Exit(0 if run_drill(seconds, callers, typer.echo) else 1)
