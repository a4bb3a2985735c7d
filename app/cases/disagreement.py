"""A log that does not add up is an operator's case."""

from app.cases.open import OpenCase, open_cases
from app.cases.types import CaseKind, Subject, SubjectType
from app.ledger.types import Journal
from app.ledger.writers import Writers

AUDITOR = "auditor"


async def report_disagreement(writers: Writers, journal: Journal, disagreement: str) -> None:
    """Open the case, or add to the one that is open."""
    writer = await writers.of(journal.tenant_id)
    subject = Subject(SubjectType.TENANT, journal.tenant_id)
    summary = "The journal does not add up; nothing after it is proven."
    detail = {"disagreement": disagreement}
    await writer.submit(open_cases, OpenCase(CaseKind.LOG_DISAGREES, subject, summary, AUDITOR, detail))
