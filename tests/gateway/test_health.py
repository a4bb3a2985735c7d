"""Whether the process is alive, and whether it is ready."""

import pytest
from structlog.testing import capture_logs

from tests.gateway.site import Site

pytestmark = pytest.mark.asyncio


async def test_alive_is_alive_whatever_else_is_down(site: Site) -> None:
    site.checks["database"] = "no answer"
    async with site.client({}) as client:
        response = await client.get("/healthz")
    assert (response.status_code, response.text) == (200, "ok\n")


@pytest.mark.parametrize(
    ("database", "status"), [(True, 200), ("ok", 200), (False, 503), ("no answer", 503), ("", 503)]
)
async def test_ready_is_when_every_check_holds(site: Site, database: bool | str, status: int) -> None:
    site.checks.update(redis=True, database=database)
    async with site.client({}) as client:
        response = await client.get("/readyz")
    assert response.status_code == status
    assert response.json() == {"ready": status == 200, "checks": {"redis": True, "database": database}}


async def test_a_check_that_fails_to_check_is_not_ready(site: Site) -> None:
    site.checks["raise"] = True
    async with site.client({}) as client:
        with capture_logs() as logs:
            response = await client.get("/readyz")
    assert response.status_code == 503
    assert "no route" not in response.text
    assert logs[0]["event"] == "readiness could not be checked"
