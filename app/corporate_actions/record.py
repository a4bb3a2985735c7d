"""Writes how far an action has come, in the commit that brought it there."""

from dataclasses import replace

from app.corporate_actions.types import ActionStatus, CorporateAction, Progress, Stage
from app.kernel.money import to_decimal
from app.ledger.batch import Batch


async def set_status(
    batch: Batch, action: CorporateAction, status: ActionStatus, stage: Stage | None = None, *, begins: bool = False
) -> None:
    """It stands so from now on; ``begins`` says that it is applied as of now."""
    await batch.connection.execute(
        "UPDATE corporate_action SET status = $2, stage = $3, begun_at = CASE WHEN $4 THEN $5 ELSE begun_at END,"
        " completed_at = $6 WHERE id = $1",
        action.id,
        status.value,
        None if stage is None else stage.value,
        begins,
        batch.effective_at,
        batch.recorded_at if status is ActionStatus.COMPLETED else None,
    )


async def set_progress(batch: Batch, action: CorporateAction, progress: Progress) -> None:
    """So much has been dealt with by now."""
    await batch.connection.execute(
        "UPDATE corporate_action SET stage = $2, through = $3, accounts = $4, shares_before = $5, shares_after = $6,"
        " cash = $7, house_cash = $8 WHERE id = $1",
        action.id,
        None if progress.stage is None else progress.stage.value,
        progress.through,
        progress.accounts,
        *(
            to_decimal(each)
            for each in (progress.shares_before, progress.shares_after, progress.cash, progress.house_cash)
        ),
    )


def further(
    done: Progress, *, books: int, through: int, before: int, after: int = 0, cash: int = 0, last: bool
) -> Progress:
    """The progress after a chunk of so many books; after the ``last`` it is the house's turn."""
    return replace(
        done,
        stage=Stage.HOUSE if last else Stage.HOLDERS,
        through=through,
        accounts=done.accounts + books,
        shares_before=done.shares_before + before,
        shares_after=done.shares_after + after,
        cash=done.cash + cash,
    )
