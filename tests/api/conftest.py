"""What the tests of the API share."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.api.site import Site, serving


@pytest_asyncio.fixture
async def site(database_url: str) -> AsyncIterator[Site]:
    """The product with nobody in it yet."""
    async with serving(database_url) as running:
        yield running
