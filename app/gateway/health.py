"""Is the process alive, and is it ready for work: two questions that must not be mixed up."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

log = structlog.get_logger(__name__)

#: Each check by its name: true or "ok" when it holds, else what is wrong.
Ready: TypeAlias = Callable[[], Awaitable[Mapping[str, bool | str]]]

_PATIENCE = 5.0


def routes(ready: Ready) -> list[Route]:
    """``/healthz`` answers 200 while the loop runs, ``/readyz`` while every check holds, else 503."""

    async def healthz(_: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readyz(_: Request) -> Response:
        checks = await _ask(ready)
        passed = all(found is True or found == "ok" for found in checks.values())
        return JSONResponse({"ready": passed, "checks": dict(checks)}, 200 if passed else 503)

    return [Route("/healthz", healthz), Route("/readyz", readyz)]


async def _ask(ready: Ready) -> Mapping[str, bool | str]:
    try:
        async with asyncio.timeout(_PATIENCE):
            return await ready()
    except TimeoutError:
        return {"checks": f"no answer within {_PATIENCE:g} s"}
    except Exception:
        log.exception("readiness could not be checked")
        return {"checks": "failed, see the log"}
