"""The command line: ``wealthgraph --help`` says what there is."""

from app.commands import backups, books, log, serving
from app.commands.shell import cli

__all__ = ["SUBJECTS", "cli", "main"]

#: Importing a subject adds its commands.
SUBJECTS = (serving, log, books, backups)


def main() -> None:
    """Entry point of the ``wealthgraph`` command."""
    cli()
