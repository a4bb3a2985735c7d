"""The order engine, part by part: ``python -m benchmarks.orders [load] [http] [open] [large]``.

All on a durable database. The venue answers at once, except in ``http``, which is the server as it is served.
"""

import argparse

import uvloop

from benchmarks.orders import crowds, load, surface
from benchmarks.stage import stage

PARTS = ("load", "http", "open", "large")


def main() -> None:
    """Run the parts asked for, each on a database of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", default=PARTS, help="load, http, open, large; all without any")
    parser.add_argument("--orders", type=int, default=10_000, help="of load (and half as many at half load)")
    parser.add_argument("--alone", type=int, default=300, help="orders of the comparison, one per transaction")
    parser.add_argument("--requests", type=int, default=4_000, help="orders over HTTP")
    parser.add_argument("--users", type=int, default=surface.USERS, help="who place them, each with a WebSocket")
    parser.add_argument("--burst", type=int, default=20_000, help="orders at the open")
    parser.add_argument("--participants", type=int, default=50_000, help="of the large market order")
    asked = parser.parse_known_args()[0]
    for part in PARTS:
        if part not in asked.parts:
            continue
        with stage() as (_, url):
            match part:
                case "load":
                    uvloop.run(load.run(url, asked.orders, asked.alone))
                case "http":
                    uvloop.run(surface.run(url, asked.requests, asked.users))
                case "open":
                    uvloop.run(crowds.at_the_open(url, asked.burst))
                case "large":
                    uvloop.run(crowds.one_large_order(url, asked.participants))


if __name__ == "__main__":
    main()
