"""Reconciling our books with what the custodian and the bank say."""

import hashlib
from uuid import UUID

from app.accounting import reads
from app.accounting.errors import ReconcileError
from app.accounting.reconcile import Reconcile
from app.accounting.reconcile import reconcile as run
from app.accounting.statement import read_statement
from app.accounting.types import Reconciliation
from app.identity.policy import Action, require
from app.kernel.errors import Refusal
from app.kernel.paging import Page, PageOf
from app.ledger.chart import USD
from app.ledger.idempotency import idempotency_key
from resolvers.context import Context
from resolvers.requests import parse_key


async def find(context: Context, reconciliation_id: UUID) -> Reconciliation | None:
    """The reconciliation, for operators."""
    require(context.principal, Action.VIEW_DESK)
    return await context.loaders.reconciliation.load(reconciliation_id)


async def reconciliations_page(context: Context, asked: PageOf[UUID]) -> Page[Reconciliation]:
    """The tenant's reconciliations, newest first, for operators."""
    require(context.principal, Action.VIEW_DESK)
    async with context.read() as connection:
        return await reads.reconciliations(connection, context.principal.tenant_id, asked)


async def reconcile(context: Context, file: str | None, key: str) -> Reconciliation:
    """Compare with a file, or with the custodian's of now. Raises a ``Refusal``; then nothing has changed."""
    require(context.principal, Action.OPERATE_DESK)
    principal, custodian = context.principal, context.services.custodian
    asked = {"file": None if file is None else hashlib.sha256(file.encode()).hexdigest()}
    idempotency = idempotency_key(principal.actor, parse_key(key), "reconcile", asked)
    writer = await context.services.writers.of(principal.tenant_id)
    source = "file"
    if file is None:
        if custodian is None:
            message = "No custodian is linked from whom a file could come; send one."
            raise Refusal(ReconcileError.CUSTODIAN_UNAVAILABLE, message, "file")
        source, file = custodian.name, await custodian.file(writer.journal, None)
    codes = {"USD": USD} | {each.symbol: each.id for each in context.services.market.instruments.values()}
    command = Reconcile(read_statement(file, source, codes), principal.actor)
    await context.renew()
    reconciliation_id = await writer.submit(run, command, idempotency)
    await context.renew()
    made = await context.loaders.reconciliation.load(reconciliation_id)
    assert made is not None, "it was committed just now"
    return made
