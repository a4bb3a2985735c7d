"""What the tests of the API share."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from app.infra import embedded
from tests.api.site import Site, serving
from tests.api.situation import Situation
from tests.api.situation import situation as happen
from tests.conftest import fresh_database


@pytest_asyncio.fixture
async def site(database_url: str) -> AsyncIterator[Site]:
    """The product with nobody in it yet."""
    async with serving(database_url) as running:
        yield running


@pytest.fixture(scope="module")
def shared_url(postgres: embedded.Server, template: str) -> Iterator[str]:
    """The URL of a fresh database for all tests of a module."""
    with fresh_database(postgres, template) as url:
        yield url


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def situation(shared_url: str) -> AsyncIterator[Situation]:
    """One situation for all tests of a module, none of which changes it."""
    async with serving(shared_url) as site, happen(site) as happened:
        yield happened
