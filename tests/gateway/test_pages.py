"""The pages and their files: whole, offline, and closed to foreign scripts."""

import base64
import hashlib
import importlib.util
import re
import sys

import httpx2
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from app.gateway import pages
from tests.gateway.site import Site, serving

pytestmark = pytest.mark.asyncio

CARRIER = "graphene_django_graphiql_static"


def _files(page: httpx2.Response) -> list[str]:
    """What the browser loads with the page; where its links lead is another matter."""
    return re.findall(r'<(?:script|link|img)[^>]*?(?:src|href)="([^"]+)"', page.text)


async def test_graphiql_and_everything_it_loads(site: Site) -> None:
    async with site.client({}) as client:
        page = await client.get("/graphiql")
        assert page.status_code == 200
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        files = _files(page)
        assert len(files) >= 8
        for file in files:
            loaded = await client.get(file)
            assert loaded.status_code == 200, file
            assert loaded.content
            kinds = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
            assert loaded.headers["content-type"].startswith(kinds[file.rpartition(".")[2]])
            ours = file.startswith("/static/")
            assert loaded.headers["cache-control"] == ("no-cache" if ours else "public, max-age=31536000, immutable")
            again = await client.get(file, headers={"If-None-Match": loaded.headers["etag"]})
            assert again.status_code == 304


async def test_the_carrier_of_graphiql_is_never_imported(site: Site) -> None:
    async with site.client({}) as client:
        await client.get("/graphiql")
    assert CARRIER not in sys.modules


async def test_pages_load_nothing_from_elsewhere(site: Site) -> None:
    async with site.client({}) as client:
        for path in ("/graphiql", "/"):
            page = await client.get(path, follow_redirects=True)
            assert page.status_code == 200
            assert [file for file in _files(page) if "//" in file] == []
            assert "default-src 'none'" in page.headers["content-security-policy"]
            assert page.headers["x-frame-options"] == "DENY"


async def test_only_the_pages_own_inline_scripts_may_run() -> None:
    script = "\nlet x = 1;\n"
    allowed = pages.policy(f'<script>{script}</script><script src="/static/a.js"></script>')
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'self' 'sha256-{digest}';" in allowed
    assert "script-src 'self';" in pages.policy('<script src="/static/a.js"></script>')


async def test_without_graphiqls_files_the_page_says_how_to_install_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    async with serving() as site, site.client({}) as client:
        page = await client.get("/graphiql")
    assert page.status_code == 200
    assert "pip install" in page.text
    assert _files(page) == []


@pytest.mark.parametrize(
    "path", ["/static/../app.py", "/static/%2e%2e/app.py", "/static//etc/passwd", "/static/missing.js", "/nothing"]
)
async def test_no_other_file_is_served(site: Site, path: str) -> None:
    async with site.client({}) as client:
        assert (await client.get(path)).status_code == 404


async def test_routes_may_be_added() -> None:
    async def session(_: Request) -> PlainTextResponse:
        return PlainTextResponse("session")

    async with serving(routes=[Route("/demo/session", session)]) as site, site.client({}) as client:
        response = await client.get("/demo/session")
    assert response.text == "session"
    assert response.headers["x-content-type-options"] == "nosniff"
