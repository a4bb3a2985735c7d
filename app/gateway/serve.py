"""The server under the application: uvicorn, told what our sockets need."""

import contextlib
import socket
from collections.abc import Generator

import uvicorn
from starlette.applications import Starlette

from app.gateway.websocket import Sockets

#: A client's message holds one operation and its variables, as a request's body does.
_MESSAGE_BYTES = 100_000
#: How long the kernel keeps a connection whose other end takes nothing (milliseconds).
_STUCK_MS = 30_000


class Server(uvicorn.Server):
    """Says goodbye to WebSockets before it stops, so that clients come back at once, to another process."""

    def __init__(self, config: uvicorn.Config, sockets: Sockets) -> None:
        super().__init__(config)
        self._sockets = sockets

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """A signal stops the server; it is not raised again afterwards, so that its caller can finish too."""
        with super().capture_signals():
            try:
                yield
            finally:
                self._captured_signals.clear()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self._sockets.drain()
        await super().shutdown(sockets)


def make_server(app: Starlette, *, lifespan: bool = True, patience: float = 10.0) -> Server:
    """A server for an application of ``app.gateway.app.build``. Run it by ``serve(sockets=[listen(host, port)])``.

    ``patience`` is how long requests under way may take once it has been told to stop (seconds).
    """
    config = uvicorn.Config(
        app,
        lifespan="on" if lifespan else "off",
        log_config=None,
        access_log=False,
        server_header=False,
        ws="websockets-sansio",
        ws_max_size=_MESSAGE_BYTES,
        # Our own pings are what clients answer, in browsers too. Compression would cost each socket its buffers.
        ws_ping_interval=None,
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=int(patience),
    )
    return Server(config, app.state.sockets)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one. Raises ``OSError`` when the address is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Accepted connections inherit it. Without it one that reads nothing is never given up: it still acknowledges.
        with contextlib.suppress(AttributeError, OSError):
            listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _STUCK_MS)
        listening.bind((host, port))
    except BaseException:
        listening.close()
        raise
    return listening
