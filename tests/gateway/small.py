"""A small schema that can do everything a gateway has to cope with, and a laboratory that watches it."""

import asyncio
import enum
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NewType

import strawberry
from strawberry.schema.config import StrawberryConfig
from strawberry.types import Info
from strawberry.types.nodes import SelectedField

from app.identity.policy import Action, Denied
from app.kernel.errors import OutcomeUnknown, Overloaded, Refusal
from app.kernel.principal import Principal

#: So long that a deadline always comes first.
FOR_EVER = 3600.0

Money = NewType("Money", Decimal)
Anything = NewType("Anything", object)


@strawberry.enum
class Side(enum.Enum):
    BUY = "B"
    SELL = "S"


class Code(enum.Enum):
    NOT_FOUND = "NOT_FOUND"


@dataclass
class Laboratory:
    """What happened while the server was asked."""

    contexts: list["SmallContext"] = field(default_factory=list)
    sent: int = 0
    started: asyncio.Event = field(default_factory=asyncio.Event)
    cleaned_up: asyncio.Event = field(default_factory=asyncio.Event)
    closing_fails: bool = False


@dataclass
class SmallContext:
    """What resolvers find as ``info.context``."""

    laboratory: Laboratory
    principal: Principal
    one_moment: bool
    closed: int = 0
    used_after_closing: bool = False

    async def close(self) -> None:
        self.closed += 1
        if self.laboratory.closing_fails:
            raise OSError("the connection is gone")


async def _wait(laboratory: Laboratory) -> None:
    laboratory.started.set()
    try:
        await asyncio.sleep(FOR_EVER)
    finally:
        # Giving things back takes a while, too.
        for _ in range(100):
            await asyncio.sleep(0)
        laboratory.cleaned_up.set()


@strawberry.input
class Size:
    side: Side
    amount: Money
    notes: list[str] | None = None


@strawberry.type
class Branch:
    name: str = "leaf"

    @strawberry.field
    def left(self) -> "Branch":
        return Branch()

    @strawberry.field
    def right(self) -> "Branch":
        return Branch()


@strawberry.type
class Pair:
    @strawberry.field
    async def slow(self, info: Info[SmallContext]) -> str | None:
        try:
            await _wait(info.context.laboratory)
        finally:
            info.context.used_after_closing = info.context.closed > 0
        return None

    @strawberry.field
    def broken(self) -> str:
        raise ValueError("secret of the pair")

    @strawberry.field
    async def broken_later(self, info: Info[SmallContext]) -> str:
        await info.context.laboratory.started.wait()
        raise ValueError("secret of the pair")


@strawberry.type
class Query:
    tree: Branch = strawberry.field(resolver=Branch)
    pair: Pair | None = strawberry.field(resolver=Pair)

    @strawberry.field
    def hello(self, name: str = "you") -> str:
        return f"hello {name}"

    @strawberry.field
    async def me(self, info: Info[SmallContext]) -> strawberry.ID:
        return strawberry.ID(str(info.context.principal.user_id))

    @strawberry.field
    def one_moment(self, info: Info[SmallContext]) -> bool:
        return info.context.one_moment

    @strawberry.field
    def double(self, size: Size) -> Money:
        assert isinstance(size.amount, Decimal)
        return Money(size.amount * (2 if size.side is Side.BUY else -2))

    @strawberry.field
    def other_side(self, side: Side) -> Side:
        return Side.SELL if side is Side.BUY else Side.BUY

    @strawberry.field
    def seen(self, info: Info[SmallContext], flag: bool = False) -> list[str]:
        [selected] = (each for each in info.selected_fields if isinstance(each, SelectedField))
        name = info.operation.name
        return [str(info.variable_values), str(selected.arguments), name.value if name else ""]

    @strawberry.field
    def denied(self) -> str | None:
        raise Denied(Action.VIEW_DESK)

    @strawberry.field
    def refused(self) -> str | None:
        raise Refusal(Code.NOT_FOUND, "There is no such account.", "accountId")

    @strawberry.field
    async def overloaded(self) -> str | None:
        raise Overloaded("20 commands are waiting already; try again in a moment")

    @strawberry.field
    def unknown(self) -> str | None:
        raise OutcomeUnknown("the connection broke during COMMIT; ask again with the same key")

    @strawberry.field
    async def broken(self, word: str = "") -> str | None:
        raise ValueError(f"secret {word}")

    @strawberry.field
    async def broken_entirely(self) -> str:
        raise ValueError("secret")

    @strawberry.field
    def unspeakable(self) -> Anything:
        return Anything(object())

    @strawberry.field
    def unmoney(self) -> Money | None:
        return "secret"  # type: ignore[return-value]

    @strawberry.field
    async def slow(self, info: Info[SmallContext]) -> str | None:
        await _wait(info.context.laboratory)
        return None


@strawberry.type
class Mutation:
    @strawberry.mutation
    def keep(self, word: str) -> str:
        return f"kept {word}"

    @strawberry.mutation
    async def slow(self, info: Info[SmallContext]) -> str | None:
        await _wait(info.context.laboratory)
        return None


@strawberry.type
class Tick:
    number: int

    @strawberry.field
    async def odd(self) -> str | None:
        if self.number % 2 == 0:
            raise ValueError("secret of the tick")
        return "odd"

    @strawberry.field
    async def slow(self, info: Info[SmallContext]) -> str | None:
        await _wait(info.context.laboratory)
        return None


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def count(self, to: int) -> AsyncGenerator[int, None]:
        for number in range(1, to + 1):
            yield number

    @strawberry.subscription
    async def ticks(self, to: int) -> AsyncGenerator[Tick, None]:
        for number in range(1, to + 1):
            yield Tick(number=number)

    @strawberry.subscription
    async def for_ever(self, info: Info[SmallContext]) -> AsyncGenerator[int, None]:
        yield 1
        await _wait(info.context.laboratory)

    @strawberry.subscription
    async def flood(self, info: Info[SmallContext], events: int, letters: int) -> AsyncGenerator[str, None]:
        laboratory = info.context.laboratory
        laboratory.started.set()
        try:
            for number in range(events):
                laboratory.sent = number + 1
                yield f"{number} ".ljust(letters, ".")
        finally:
            laboratory.cleaned_up.set()

    @strawberry.subscription
    async def one_moment(self, info: Info[SmallContext]) -> AsyncGenerator[bool, None]:
        yield info.context.one_moment

    @strawberry.subscription
    async def denied(self, info: Info[SmallContext]) -> AsyncGenerator[int, None]:
        for action in Action:
            raise Denied(action)
        yield 1

    @strawberry.subscription
    def denied_at_once(self, info: Info[SmallContext]) -> AsyncGenerator[int, None]:
        raise Denied(Action.VIEW_ACCOUNT)

    @strawberry.subscription
    async def breaks(self) -> AsyncGenerator[int, None]:
        yield 1
        raise ValueError("secret of the stream")


def _parse_money(value: object) -> Decimal:
    if not isinstance(value, str):
        raise ValueError("money is a string")
    return Decimal(value)


def _print_money(value: object) -> str:
    if not isinstance(value, Decimal):
        raise TypeError(f"{value!r} is not a Decimal")
    return f"{value:.2f}"


schema = strawberry.Schema(
    Query,
    Mutation,
    Subscription,
    config=StrawberryConfig(
        scalar_map={
            Money: strawberry.scalar(name="Money", serialize=_print_money, parse_value=_parse_money),
            Anything: strawberry.scalar(name="Anything", serialize=lambda value: value),
        }
    ),
)


async def collect(answers: AsyncIterator[dict[str, Any]]) -> list[dict[str, Any]]:
    return [answer async for answer in answers]
