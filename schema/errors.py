"""Typed errors: each mutation has its own enum of codes, so that a client can handle every one of them."""

from collections.abc import Awaitable, Callable
from enum import Enum
from typing import Any

import strawberry

from app.identity.policy import Denied
from app.kernel.errors import OutcomeUnknown, Overloaded, Refusal

#: Codes that every mutation shares.
COMMON = {
    "ID_INVALID": "An id is not one of this API's, or names a thing of another type.",
    "NOT_FOUND": "There is no such thing that you can see.",
    "FORBIDDEN": "You may see it but not do this with it.",
    "IDEMPOTENCY_KEY_INVALID": "The idempotency key is not a UUID.",
    "IDEMPOTENCY_KEY_REUSED": "The idempotency key was used before with other input: take a new one.",
    "OVERLOADED": "Too much is going on; send the same request with the same key again in a moment.",
    "OUTCOME_UNKNOWN": "The database was lost at the last moment: ask again with the same key to learn what happened.",
}


def codes(name: str, of: str, own: dict[str, str]) -> Any:
    """The enum of a mutation's error codes, each with its description."""
    members = {code: strawberry.enum_value(code, description=text) for code, text in (own | COMMON).items()}
    return strawberry.enum(Enum(name, members), description=f"Why {of}.")  # type: ignore[call-overload]


async def answer(
    payload: Callable[..., Any], error: Callable[..., Any], code: Any, work: Awaitable[dict[str, Any]]
) -> Any:
    """The payload of a mutation: what ``work`` made, or the typed error that says why not."""
    try:
        return payload(**await work, errors=[])
    except Refusal as refusal:
        found = code[refusal.code.value]
        short = {} if refusal.shortage is None else {"shortage": refusal.shortage}
        return payload(errors=[error(code=found, message=refusal.message, path=list(refusal.path), **short)])
    except Denied as denied:
        return payload(errors=[error(code=code["FORBIDDEN"], message=str(denied), path=[])])
    except Overloaded as overload:
        return payload(errors=[error(code=code["OVERLOADED"], message=str(overload), path=[])])
    except OutcomeUnknown as unknown:
        return payload(errors=[error(code=code["OUTCOME_UNKNOWN"], message=str(unknown), path=[])])
