"""Ports for servers that tests start."""

import random
import socket

#: Below those that a system hands out to who asks for any: between our look and its use, nobody is given one of these.
_RANGE = range(20_000, 32_000)


def free_port() -> int:
    """A TCP port that nobody listens on."""
    for port in random.sample(_RANGE, 100):
        with socket.socket() as free:
            try:
                free.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError(f"a hundred ports from {_RANGE.start} to {_RANGE.stop} are all in use")
