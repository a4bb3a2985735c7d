"""The ledger, claim by claim: ``python -m benchmarks.ledger [throughput] [journals] [plans] [replay] [history]``.

All on a durable database, each part on one of its own. Times on a shared machine mean little by themselves: each part
prints what it compares with from the same run.
"""

import argparse

import uvloop

from benchmarks.ledger import history, journals, plans, throughput
from benchmarks.ledger import replay as replays
from benchmarks.stage import stage

PARTS = ("throughput", "journals", "plans", "replay", "history")


def main() -> None:
    """Run the parts asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", default=PARTS, help=f"{', '.join(PARTS)}; all without any")
    parser.add_argument("--seconds", type=int, default=4, help="per case of throughput and journals")
    parser.add_argument("--entries", type=int, default=10_000_000, help="of the longest history; replay takes a fifth")
    asked = parser.parse_known_args()[0]
    for part in PARTS:
        if part not in asked.parts:
            continue
        with stage(settled=part in {"throughput", "journals"}) as (server, url):
            match part:
                case "throughput":
                    throughput.run(url, asked.seconds)
                case "journals":
                    journals.run(url, asked.seconds)
                case "plans":
                    uvloop.run(plans.run(url))
                case "replay":
                    replays.run(server, url, asked.entries // 5)
                case "history":
                    uvloop.run(history.run(url, asked.entries))


if __name__ == "__main__":
    main()
