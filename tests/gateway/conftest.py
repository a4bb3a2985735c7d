"""What the tests of the gateway share."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.gateway.site import Site, serving


@pytest_asyncio.fixture
async def site() -> AsyncIterator[Site]:
    """A gateway with the defaults."""
    async with serving() as running:
        yield running
