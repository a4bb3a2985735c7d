"""The pages for people: GraphiQL, and the live demonstration. They work offline: nothing is loaded from elsewhere."""

import base64
import hashlib
import importlib.metadata
import importlib.util
import re
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

_OURS = Path(__file__).parent / "static"
_CARRIER = "graphene_django_graphiql_static"
_NO_GRAPHIQL = """<!doctype html><html lang="en"><meta charset="utf-8"><title>GraphiQL is not installed</title>
<p>GraphiQL's files are not installed. They come with <code>make setup</code>; alone, with
<code>pip install --no-deps graphene-django-graphiql-static</code>. Then restart the server.
<p>The API itself is at <code>/graphql</code> and works without them.
"""


class _Cached(StaticFiles):
    """Files that browsers keep as told."""

    def __init__(self, directory: Path, cache_control: str) -> None:
        super().__init__(directory=directory)
        self._cache_control = cache_control

    async def get_response(self, path: str, scope: object) -> Response:
        response = await super().get_response(path, scope)  # type: ignore[arg-type]
        response.headers["Cache-Control"] = self._cache_control
        return response


def routes() -> list[BaseRoute]:
    """``/``, ``/graphiql`` and their files."""
    # Our own files change in place, so browsers ask each time; by their etag it costs nothing.
    found: list[BaseRoute] = [Mount("/static", _Cached(_OURS, "no-cache"))]
    carrier = importlib.util.find_spec(_CARRIER)  # finds it and does not import it
    if carrier and carrier.submodule_search_locations:
        # The version in the path makes the files' addresses new when they are.
        assets = f"/graphiql/{importlib.metadata.version(_CARRIER)}"
        files = Path(carrier.submodule_search_locations[0], "static", _CARRIER)
        found.append(Mount(assets, _Cached(files, "public, max-age=31536000, immutable")))
        found.append(_page("/graphiql", _read("graphiql.html").replace("{{assets}}", assets)))
    else:
        found.append(_page("/graphiql", _NO_GRAPHIQL))
    if (_OURS / "live.html").exists():
        found.append(_page("/", _read("live.html")))
    else:
        found.append(Route("/", lambda _: RedirectResponse("/graphiql")))
    # Browsers ask for it by this name, whatever it holds.
    found.append(Route("/favicon.ico", lambda _: FileResponse(_OURS / "favicon.svg")))
    return found


def _page(path: str, html: str) -> Route:
    headers = {"Content-Security-Policy": policy(html), "Cache-Control": "no-cache"}

    async def page(_: Request) -> Response:
        return HTMLResponse(html, headers=headers)

    return Route(path, page)


def policy(html: str) -> str:
    """What the page may load: our own files, its own inline scripts as they are now, and no other script."""
    inline = re.findall(r"<script(?:\s+type=\"module\")?>(.*?)</script>", html, re.DOTALL)
    hashes = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in inline]
    scripts = " ".join(["'self'", *(f"'sha256-{digest}'" for digest in hashes)])
    return (
        f"default-src 'none'; script-src {scripts}; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def _read(name: str) -> str:
    return (_OURS / name).read_text(encoding="utf-8")
