"""What a client is told of what went wrong beneath."""

import pytest
from graphql import GraphQLError
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.gateway.errors import told
from tests.world import World, running

pytestmark = pytest.mark.asyncio


@pytest.mark.parametrize(
    ("statement", "code", "words"),
    [("SELECT pg_sleep(10)", "TIMEOUT", "ask for less"), ("SELECT 1 / 0", "INTERNAL", "quote reference")],
)
async def test_a_read_that_took_too_long_is_no_fault_of_ours(
    database_url: str, statement: str, code: str, words: str
) -> None:
    async with running(database_url) as world:
        with pytest.raises(DBAPIError) as raised:
            await read_soon(world, statement)
        found = told(GraphQLError("", original_error=raised.value))
        assert found.extensions == {"code": code}
        assert words in found.message


async def read_soon(world: World, statement: str) -> None:
    """Read as the API does, with very little time for it."""
    async with world.read() as connection:
        await connection.execute(text("SET LOCAL statement_timeout = '20ms'"))
        await connection.execute(text(statement))
