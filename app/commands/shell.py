"""What all commands share: the application, settings, running, and telling what was wrong."""

import asyncio
import signal
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager

import typer
import uvloop

from app.infra.logging import configure
from app.kernel.errors import Refusal
from app.settings import Settings

cli = typer.Typer(help="A wealth platform's backend.", no_args_is_help=True, pretty_exceptions_show_locals=False)


def settings_of(host: str | None = None, port: int | None = None, **more: object) -> Settings:
    given = {name: value for name, value in {"host": host, "port": port, **more}.items() if value is not None}
    settings = Settings(**given)  # type: ignore[arg-type]
    configure(settings.log_level)
    return settings


def run(work: object) -> object:
    try:
        return uvloop.run(work)  # type: ignore[arg-type]
    except KeyboardInterrupt:
        return None
    except OSError as error:
        typer.echo(f"{error}", err=True)
        raise typer.Exit(1) from None


async def until_stopped(work: Coroutine[object, object, object]) -> bool:
    """Whether it was finished. SIGTERM ends it as Ctrl-C does: what was started is stopped."""
    task = asyncio.ensure_future(work)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        return False
    return True


@contextmanager
def explained() -> Iterator[None]:
    """What was wrong with a command, in words instead of a traceback."""
    try:
        yield
    except (LookupError, ValueError, OverflowError, OSError, Refusal) as error:
        typer.echo(f"{error}", err=True)
        raise typer.Exit(2) from None


def warn(text: str) -> None:
    typer.echo(text, err=True)
