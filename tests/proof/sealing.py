"""A world that is sealed, for the tests of the sealer."""

from dataclasses import dataclass, field

from app.kernel.paging import PageOf
from app.ledger.types import Journal
from app.proof.checkpoint import Checkpoint, open_checkpoint
from app.proof.reads import checkpoints
from app.proof.sealer import Sealer
from app.proof.verify import verify
from tests.world import World


@dataclass
class Alarms:
    """Who is told of contradictions."""

    heard: list[str] = field(default_factory=list)

    async def ring(self, _: Journal, message: str) -> None:
        self.heard.append(message)


def sealer(world: World, alarms: Alarms | None = None) -> Sealer:
    return Sealer(world.pool, world.seals, clock=world.clock, alarm=(alarms or Alarms()).ring)


async def sizes(world: World) -> list[int]:
    """Of the published checkpoints, as the API reads them, oldest first."""
    async with world.read() as connection:
        page = await checkpoints(connection, world.commits.journal.id, PageOf(100))
    return [found.size for found in page.items][::-1]


def published(world: World) -> list[Checkpoint]:
    origin = world.seals.origin(world.commits.journal)
    keys = world.seals.keys.verifiers(origin)
    publisher = world.seals.publisher
    return [open_checkpoint(publisher.read(origin, size), keys) for size in publisher.sizes(origin)]


async def agrees(world: World) -> None:
    async with world.pool.acquire() as connection:
        assert (await verify(connection, world.seals, world.commits.journal)).faults == []
