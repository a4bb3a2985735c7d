"""Operations, executed by graphql-core, and their answers in the shape that goes over the wire."""

import asyncio
import inspect
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, TypeGuard, TypeVar, cast

import strawberry
import structlog
from graphql import ExecutionResult, GraphQLError, OperationType
from graphql.execution import (
    Executor,
    create_source_event_stream,
    execute_root_selection_set,
    execute_subscription_event,
    map_source_to_response_event,
)
from strawberry.execution import optimized_is_awaitable

from app.gateway.documents import Documents, Prepared
from app.gateway.errors import Code, RequestError, told, unexpected
from app.kernel.principal import Principal

log = structlog.get_logger(__name__)

T = TypeVar("T")

#: Strawberry's knows at once that plain values are not awaitable: it is asked for every field.
_is_awaitable = cast(Callable[[Any], TypeGuard[Awaitable[Any]]], optimized_is_awaitable)

Answer: TypeAlias = dict[str, Any]


class Context(Protocol):
    """What resolvers find as ``info.context``, fresh for each operation."""

    async def close(self) -> None: ...


#: Makes the context of one operation; the second argument says that it reads as of one moment.
MakeContext: TypeAlias = Callable[[Principal, bool], Context]


@dataclass(frozen=True, slots=True)
class Operations:
    """What every transport needs in order to answer. One per process."""

    schema: strawberry.Schema
    documents: Documents
    make_context: MakeContext
    timeout: float

    async def execute(self, prepared: Prepared, variables: dict[str, Any] | None, principal: Principal) -> Answer:
        """The answer to a query or mutation; raises ``RequestError`` when the variables don't fit it."""
        context = self.make_context(principal, True)
        return await execute(self.schema, prepared, variables, context, timeout=self.timeout)

    def subscribe(
        self, prepared: Prepared, variables: dict[str, Any] | None, principal: Principal
    ) -> AsyncGenerator[Answer, None]:
        """The answers of a subscription; raises ``RequestError`` when it can't begin, or breaks off."""
        context = self.make_context(principal, False)
        return subscribe(self.schema, prepared, variables, context, timeout=self.timeout)


async def execute(
    schema: strawberry.Schema,
    prepared: Prepared,
    variables: dict[str, Any] | None,
    context: Context,
    *,
    timeout: float = 10.0,  # noqa: ASYNC109  a timeout is part of the answer here
) -> Answer:
    """The answer to a query or mutation. Raises ``RequestError`` when the variables don't fit it."""
    async with _closing(context):
        executor = _executor(schema, prepared, variables, context)
        return _answer(await _in_time(executor, execute_root_selection_set, timeout))


async def subscribe(
    schema: strawberry.Schema,
    prepared: Prepared,
    variables: dict[str, Any] | None,
    context: Context,
    *,
    timeout: float = 10.0,  # noqa: ASYNC109  for each event, not for all of them
) -> AsyncGenerator[Answer, None]:
    """The answers of a subscription, one for each event. Raises ``RequestError`` when it can't begin, or breaks off."""
    async with _closing(context):
        executor = _executor(schema, prepared, variables, context)
        source: AsyncIterable[Any] | ExecutionResult = await _value(create_source_event_stream(executor))
        if isinstance(source, ExecutionResult):
            raise RequestError(told(error) for error in source.errors or ())

        async def on_event(event: Executor[Any]) -> ExecutionResult:
            return await _in_time(event, execute_subscription_event, timeout)

        try:
            async with aclosing(map_source_to_response_event(executor, source, on_event)) as results:
                async for result in results:
                    yield _answer(result)
        except Exception as error:
            raise unexpected(error) from error


def _executor(
    schema: strawberry.Schema, prepared: Prepared, variables: dict[str, Any] | None, context: Context
) -> Executor[Any]:
    # Strawberry's own kind of executor, so that `info` is what its resolvers expect.
    executor = schema.execution_context_class.build(
        schema._schema,
        prepared.document,
        context_value=context,
        raw_variable_values=variables,
        operation_name=prepared.name,
        is_awaitable=_is_awaitable,
    )
    if isinstance(executor, list):
        raise RequestError(executor)
    return executor


async def _in_time(
    executor: Executor[Any], run: Callable[[Executor[Any]], Awaitable[ExecutionResult] | ExecutionResult], limit: float
) -> ExecutionResult:
    """What ``run`` makes of the executor, or an error once the limit (seconds) has passed."""
    try:
        result = run(executor)
        if not inspect.isawaitable(result):
            return result  # nothing had to be waited for
        async with asyncio.timeout(limit):
            return await result
    except TimeoutError:
        message = f"The operation took longer than {limit:g} s and was given up."
        if executor.operation.operation is OperationType.MUTATION:
            message += " What it changes may still have changed: ask again with the same idempotency key."
        return ExecutionResult(None, [GraphQLError(message, extensions={"code": Code.TIMEOUT})])
    finally:
        await _abandon(executor)


async def _abandon(executor: Executor[Any]) -> None:
    """End the fields that an error beside them left running: they must not use a context that is closed."""
    left = set(executor.background_futures)
    if not left:
        return
    # Python complains of coroutines that are cancelled before their first step.
    await asyncio.sleep(0)
    for future in left:
        future.cancel()
    await asyncio.gather(*left, return_exceptions=True)


@asynccontextmanager
async def _closing(context: Context) -> AsyncIterator[None]:
    try:
        yield
    finally:
        try:
            await context.close()
        except Exception:
            log.exception("context could not be closed")


async def _value(value: Awaitable[T] | T) -> T:
    return await value if inspect.isawaitable(value) else value


def _answer(result: ExecutionResult) -> Answer:
    answer: Answer = {"data": result.data}
    if result.errors:
        answer["errors"] = [told(error).formatted for error in result.errors]
    return answer
