"""What every mutation checks first: ids, keys, and whether the caller may."""

from enum import StrEnum
from uuid import UUID

from app.clients.reads import accounts_by_id
from app.clients.types import Account
from app.identity.policy import Action, may
from app.kernel.errors import Refusal
from resolvers.context import Context
from resolvers.ids import uuid_in


class RequestError(StrEnum):
    """Why a request was declined before anything else was looked at."""

    ID_INVALID = "ID_INVALID"
    NOT_FOUND = "NOT_FOUND"
    FORBIDDEN = "FORBIDDEN"
    IDEMPOTENCY_KEY_INVALID = "IDEMPOTENCY_KEY_INVALID"


def parse_id(global_id: str, type_name: str, path: str) -> UUID:
    """The UUID of a global id. Raises a ``Refusal``."""
    try:
        return uuid_in(global_id, type_name)
    except ValueError:
        raise Refusal(
            RequestError.ID_INVALID, f"{global_id[:60]!r} is not the id of an {type_name}; use one from this API.", path
        ) from None


def parse_key(key: str) -> UUID:
    """An idempotency key. Raises a ``Refusal`` unless it is a UUID."""
    try:
        if len(key) not in (32, 36):
            raise ValueError
        return UUID(key)
    except ValueError:
        raise Refusal(
            RequestError.IDEMPOTENCY_KEY_INVALID,
            f"{key[:60]!r} is not a UUID; make one per request (best a UUIDv7) and send it again on a retry.",
            "idempotencyKey",
        ) from None


async def account_for(context: Context, global_id: str, action: Action, path: str = "accountId") -> Account:
    """The account, if the caller may do this with it. One that they may not see does not exist for them."""
    account = await context.share(accounts_by_id, parse_id(global_id, "Account", path))
    if account is None or not permitted(context, Action.VIEW_ACCOUNT, account):
        raise Refusal(RequestError.NOT_FOUND, f"There is no account {global_id} that you can see.", path)
    if not permitted(context, action, account):
        raise Refusal(RequestError.FORBIDDEN, "You may see this account but not do this with it; ask its owner.", path)
    return account


def permitted(context: Context, action: Action, account: Account) -> bool:
    """Whether the caller may do this with the account."""
    return may(context.principal, action, tenant_id=account.tenant_id, owner_id=account.owner_id)
