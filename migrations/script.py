"""Runs a migration's SQL file as it stands, so that it reads and reviews as plain SQL."""

from pathlib import Path

from alembic import op
from sqlalchemy.util import await_only

SQL = Path(__file__).parent / "sql"


def run_script(name: str) -> None:
    """Run ``migrations/sql/<name>`` inside the migration's transaction."""
    driver = op.get_bind().connection.driver_connection
    assert driver is not None, "a migration runs on a connection"
    await_only(driver.execute((SQL / name).read_text()))
