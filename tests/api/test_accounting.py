"""The firm's books over the API: operators read, propose, decide and reconcile; nobody else knows of them."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from app.kernel.ids import new_id
from app.kernel.principal import Role, Scope
from app.ledger.books import open_tenant
from resolvers.ids import encode_cursor, encode_id
from tests.accounting.keeping import Keeping
from tests.api.operations import ERRORS, cash, money, opened, placed
from tests.api.site import Client, Json, Site
from tests.api.test_risk import operator

pytestmark = pytest.mark.asyncio

TOTALS = "totals { asset debit credit balanced }"
BOOKS = f"cursor balanced hash rows {{ book kind asset accounts debit credit }} {TOTALS}"
TRIAL_BALANCE = f"query ($at: String) {{ desk {{ trialBalance(at: $at) {{ {BOOKS} }} }} }}"
CLOSES = f"""
{{ desk {{ closes(first: 10) {{ edges {{ node {{
  id businessDate endsAt cursor hash balanced custody {{ asset difference }} closedBy closedAt {TOTALS}
  trialBalance {{ hash }} changes(first: 10) {{ edges {{ node {{ id type }} }} }}
}} }} }} }} }}"""
LEDGER = """
query ($from: Date, $to: Date) { desk { generalLedger(first: 100, from: $from, to: $to) { edges { node {
  cursor type kind book accountId asset debit credit balance recordedAt effectiveAt
} } } } }"""
RESERVE = """
{ desk { customerReserve { cursor lines { number title debit amount { amount } note } credits { amount }
  debits { amount } required { amount } deposited { amount } excess { amount } } } }"""
JOURNAL = """
id kind status account { id } toAccount { id } lines { debit credit amount asset } reverses { id type } reason
effectiveAt proposedBy proposedAt expiresAt decidedBy decidedAt decision
entry { id type actor reverses transfers { amount } }
"""
PROPOSE = f"""
mutation ($input: ManualJournalInput!, $key: String!) {{
  proposeManualJournal(input: $input, idempotencyKey: $key) {{ journal {{ {JOURNAL} }} {ERRORS} }}
}}"""
REVERSE = f"""
mutation ($input: ReversalInput!, $key: String!) {{
  proposeReversal(input: $input, idempotencyKey: $key) {{ journal {{ {JOURNAL} }} {ERRORS} }}
}}"""
APPROVE = f"""
mutation ($id: ID!, $key: String!) {{
  approveManualJournal(journalId: $id, idempotencyKey: $key) {{ journal {{ {JOURNAL} }} {ERRORS} }}
}}"""
WITHDRAW = APPROVE.replace("approve", "withdraw")
REJECT = f"""
mutation ($id: ID!, $reason: String!, $key: String!) {{
  rejectManualJournal(journalId: $id, reason: $reason, idempotencyKey: $key) {{ journal {{ {JOURNAL} }} {ERRORS} }}
}}"""
RUN = """
id businessDate asOf source fileHash compared breakCount breaks { account asset ours theirs difference } runBy runAt
"""
RECONCILE = f"""
mutation ($file: String, $key: String!) {{
  reconcile(file: $file, idempotencyKey: $key) {{ reconciliation {{ {RUN} }} {ERRORS} }}
}}"""
RUNS = f"{{ desk {{ reconciliations(first: 10) {{ edges {{ node {{ {RUN} }} }} }} }} }}"
CASES = "{ desk { cases(first: 10) { edges { node { kind subjectType subjectId summary } } } } }"
ACTIVITY = """
query ($id: ID!) { node(id: $id) { ... on Account { activity(first: 10) { edges { node {
  id type actor reverses transfers { debit { kind balance } credit { kind balance } amount }
} } } } } }"""
JOURNALS = """
query ($status: ManualJournalStatus) { desk { manualJournals(first: 10, status: $status) { edges { node { id } } } } }
"""
SORRY = [
    {"debit": "PROMO", "credit": "SETTLED", "amount": "5.00"},
    {"debit": "FBO", "credit": "FIRM_BANK", "amount": "5.00"},
]


async def nodes(client: Client, query: str, **variables: Any) -> list[Json]:
    found = (await client.ask(query, **variables))["desk"]
    [connection] = found.values()
    return [edge["node"] for edge in connection["edges"]]


async def activity(client: Client, account: str) -> list[Json]:
    edges = (await client.ask(ACTIVITY, id=account))["node"]["activity"]["edges"]
    return [edge["node"] for edge in edges]


async def refused(site: Site, client: Client, query: str, **variables: Any) -> tuple[str, list[str]]:
    """Why not; nothing has changed."""
    before = await site.world.everything()
    payload = await client.do(query, **variables)
    assert await site.world.everything() == before
    assert [value for name, value in payload.items() if name != "errors"] == [None]
    [error] = payload["errors"]
    assert 20 < len(error["message"]) < 400
    return error["code"], error["path"]


async def proposed(desk: Client, account: str) -> str:
    payload = await desk.do(PROPOSE, input={"accountId": account, "lines": SORRY, "reason": "Said sorry"})
    assert payload["errors"] == []
    id_: str = payload["journal"]["id"]
    return id_


async def test_the_books_now_and_then(site: Site) -> None:
    async with operator(site) as desk, site.client() as ann:
        account = await opened(ann, "1000.00")
        early = (await desk.ask(TRIAL_BALANCE))["desk"]["trialBalance"]
        assert early["totals"] == [{"asset": "USD", "debit": "1000.00", "credit": "1000.00", "balanced": True}]
        assert early["rows"] == [
            {
                "book": "CUSTOMER",
                "kind": "SETTLED",
                "asset": "USD",
                "accounts": 1,
                "debit": "0.00",
                "credit": "1000.00",
            },
            {"book": "OUTSIDE", "kind": "FBO", "asset": "USD", "accounts": 1, "debit": "1000.00", "credit": "0.00"},
        ]
        await placed(ann, account, "BUY", "AAPL", amount=money("100.00"))
        await site.world.pass_time(200)
        later = (await desk.ask(TRIAL_BALANCE))["desk"]["trialBalance"]
        assert [total["asset"] for total in later["totals"]] == ["USD", "AAPL"]
        assert later["balanced"]
        assert (await desk.ask(TRIAL_BALANCE, at=early["cursor"]))["desk"]["trialBalance"] == early
        for wrong, code in ((encode_cursor(10**6), "POSITION_INVALID"), ("nonsense", "PAGE_INVALID")):
            [error] = (await desk.answer(TRIAL_BALANCE, at=wrong))["errors"]
            assert error["extensions"]["code"] == code


async def test_closes_and_what_has_changed_since(site: Site) -> None:
    async with operator(site) as desk, operator(site) as colleague, site.client() as ann:
        account = await opened(ann, "1000.00")
        day = site.world.clock.now()
        await site.world.jump(datetime(2026, 11, 27, 15, tzinfo=UTC))
        await Keeping(site.world).bookkeeper.run_due()
        [close] = await nodes(desk, CLOSES)
        assert (close["businessDate"], close["balanced"], close["custody"]) == ("2026-11-25", True, [])
        assert close["trialBalance"]["hash"] == close["hash"]
        assert close["changes"]["edges"] == []
        input_ = {"accountId": account, "lines": SORRY, "reason": "Late", "effectiveAt": day.isoformat()}
        made = (await desk.do(PROPOSE, input=input_))["journal"]
        entry = (await colleague.do(APPROVE, id=made["id"]))["journal"]["entry"]
        [again] = await nodes(desk, CLOSES)
        assert again == close | {"changes": {"edges": [{"node": {"id": entry["id"], "type": "MANUAL_JOURNAL"}}]}}
        found = (await desk.ask("query ($id: ID!) { node(id: $id) { id } }", id=close["id"]))["node"]
        assert found == {"id": close["id"]}
        [run] = await nodes(desk, RUNS)
        assert (run["businessDate"], run["breaks"], run["runBy"]) == ("2026-11-25", [], "engine")


async def test_the_general_ledger(site: Site) -> None:
    async with operator(site) as desk, site.client() as ann:
        account = await opened(ann, "1000.00")
        lines = await nodes(desk, LEDGER)
        assert [(line["kind"], line["debit"], line["credit"], line["balance"]) for line in lines] == [
            ("ACH", "1000.00", None, "-1000.00"),
            ("PENDING", None, "1000.00", "1000.00"),
            ("FBO", "1000.00", None, "-1000.00"),
            ("ACH", None, "1000.00", "0.00"),
            ("PENDING", "1000.00", None, "0.00"),
            ("SETTLED", None, "1000.00", "1000.00"),
        ]
        assert {line["accountId"] for line in lines} == {None, account}
        assert await nodes(desk, LEDGER, **{"from": "2026-11-26"}) == []
        assert await nodes(desk, LEDGER, **{"from": "2026-11-25", "to": "2026-11-25"}) == lines
        for days in ({"from": "2026-11-26", "to": "2026-11-25"}, {"from": "0001-01-01"}, {"to": "9999-12-31"}):
            [error] = (await desk.answer(LEDGER, **days))["errors"]
            assert error["extensions"]["code"] == "DATES_INVALID"


async def test_the_customer_reserve(site: Site) -> None:
    async with operator(site) as desk, site.client() as ann:
        await opened(ann, "1000.00")
        found = (await desk.ask(RESERVE))["desk"]["customerReserve"]
        assert [line["amount"] for line in found["lines"] if line["number"] in ("1", "2")] == [money("1000.00"), None]
        figures = {name: found[name]["amount"] for name in ("credits", "debits", "required", "deposited", "excess")}
        assert figures == {
            "credits": "1000.00",
            "debits": "0.00",
            "required": "1000.00",
            "deposited": "1000.00",
            "excess": "0.00",
        }


async def test_a_journal_by_two_operators_that_the_customer_sees(site: Site) -> None:
    async with operator(site) as desk, operator(site) as colleague, site.client() as ann:
        account = await opened(ann, "10.00")
        id_ = await proposed(desk, account)
        assert await refused(site, desk, APPROVE, id=id_) == ("FOUR_EYES", ["journalId"])
        made = (await colleague.do(APPROVE, id=id_))["journal"]
        assert (made["status"], made["account"], made["reason"]) == ("POSTED", {"id": account}, "Said sorry")
        assert (made["proposedBy"], made["decidedBy"]) == (f"operator:{desk.user_id}", f"operator:{colleague.user_id}")
        assert made["lines"] == [line | {"asset": "USD"} for line in SORRY]
        newest = (await activity(ann, account))[0]
        assert (newest["type"], newest["actor"]) == ("MANUAL_JOURNAL", f"operator:{colleague.user_id}")
        assert newest["id"] == made["entry"]["id"]
        assert newest["transfers"][0] == {
            "debit": {"kind": "PROMO", "balance": None},
            "credit": {"kind": "SETTLED", "balance": "15.00"},
            "amount": "5.00",
        }
        assert "sorry" not in str(await activity(ann, account))
        assert await nodes(desk, JOURNALS, status="POSTED") == [{"id": id_}] == await nodes(desk, JOURNALS)
        assert await nodes(desk, JOURNALS, status="PROPOSED") == []


FEE = [
    {"debit": "SETTLED", "credit": "FEES", "amount": "5.00"},
    {"debit": "FIRM_BANK", "credit": "FBO", "amount": "5.00"},
]
GIFT = [{"debit": "SETTLED", "credit": "SETTLED", "amount": "5.00"}]


async def test_fees_and_transfers_are_told_as_such_to_whom_they_concern(site: Site) -> None:
    async with (
        operator(site) as desk,
        operator(site) as colleague,
        site.client() as ann,
        site.client() as bob,
    ):
        anns, bobs = await opened(ann, "10.00"), await opened(bob, "1.00")
        for asked in (
            {"kind": "FEE", "accountId": anns, "lines": FEE},
            {"kind": "TRANSFER", "accountId": anns, "toAccountId": bobs, "lines": GIFT},
        ):
            made = (await desk.do(PROPOSE, input={"reason": "As agreed"} | asked))["journal"]
            done = (await colleague.do(APPROVE, id=made["id"]))["journal"]
            assert (done["kind"], done["entry"]["type"]) == (asked["kind"], asked["kind"])
            assert done["toAccount"] == ({"id": bobs} if asked["kind"] == "TRANSFER" else None)
        assert [each["type"] for each in (await activity(ann, anns))[:2]] == ["TRANSFER", "FEE"]
        [received, *_] = await activity(bob, bobs)
        assert (received["type"], (await cash(bob, bobs))["settled"]) == ("TRANSFER", "6.00")
        assert received["transfers"] == [
            {
                "debit": {"kind": "FBO", "balance": None},
                "credit": {"kind": "SETTLED", "balance": "6.00"},
                "amount": "5.00",
            }
        ]
        assert await refused(site, desk, REVERSE, input={"entryId": received["id"], "reason": "Undo"}) == (
            "NOT_REVERSIBLE",
            ["entryId"],
        )


async def test_a_reversal_that_the_customer_sees(site: Site) -> None:
    async with operator(site) as desk, operator(site) as colleague, site.client() as ann:
        account = await opened(ann, "10.00")
        deposit = (await activity(ann, account))[0]["id"]
        made = (await desk.do(REVERSE, input={"entryId": deposit, "reason": "A mistake"}))["journal"]
        assert (made["kind"], made["reverses"]) == ("REVERSAL", {"id": deposit, "type": "DEPOSIT"})
        assert [(line["debit"], line["credit"]) for line in made["lines"]] == [
            ("SETTLED", "PENDING"),
            ("ACH", "FBO"),
            ("PENDING", "ACH"),
        ]
        done = (await colleague.do(APPROVE, id=made["id"]))["journal"]
        assert done["entry"]["reverses"] == deposit
        newest = (await activity(ann, account))[0]
        assert (newest["type"], newest["reverses"]) == ("REVERSAL", deposit)
        assert (await cash(ann, account))["settled"] == "0.00"
        again = await refused(site, desk, REVERSE, input={"entryId": deposit, "reason": "Again"})
        assert again == ("ALREADY_REVERSED", ["entryId"])
        itself = await refused(site, desk, REVERSE, input={"entryId": newest["id"], "reason": "Undo"})
        assert itself == ("NOT_REVERSIBLE", ["entryId"])


async def test_reconciling_and_the_cases_of_it(site: Site) -> None:
    async with operator(site) as desk, site.client() as ann:
        account = await opened(ann, "100.00")
        await placed(ann, account, "BUY", "AAPL", amount=money("50.00"))
        await site.world.pass_time(200)
        await site.world.jump(datetime(2026, 11, 27, 15, tzinfo=UTC))
        run = (await desk.do(RECONCILE))["reconciliation"]
        assert (run["source"], run["breakCount"], run["runBy"]) == ("paper", 0, f"operator:{desk.user_id}")
        now = site.world.clock.now().isoformat()
        file = f"as_of,account,asset,balance\n{now},FBO,USD,40.00\n{now},CUSTODIAN,AAPL,2\n"
        run = (await desk.do(RECONCILE, file=file))["reconciliation"]
        assert (run["source"], run["compared"], run["breakCount"]) == ("file", 2, 2)
        assert run["breaks"][0] == {
            "account": "FBO",
            "asset": "USD",
            "ours": "50.00",
            "theirs": "40.00",
            "difference": "-10.00",
        }
        assert (await nodes(desk, RUNS))[0]["id"] == run["id"]
        cases = {case["kind"]: case for case in await nodes(desk, CASES)}
        subjects = {kind: case["subjectId"] for kind, case in cases.items()}
        found = await desk.ask(
            "query ($ids: [ID!]!) { nodes(ids: $ids) {"
            " ... on Instrument { symbol } ... on LedgerAccount { kind book asset balance } } }",
            ids=[subjects["POSITION_BREAK"], subjects["CASH_BREAK"]],
        )
        assert found["nodes"] == [
            {"symbol": "AAPL"},
            {"kind": "FBO", "book": "OUTSIDE", "asset": "USD", "balance": "-50.00"},
        ]
        assert await refused(site, desk, RECONCILE, file="nonsense") == ("FILE_INVALID", ["file"])
        future = file.replace("2026", "2027")
        assert await refused(site, desk, RECONCILE, file=future) == ("FILE_INVALID", ["file"])


async def test_who_may_not(site: Site) -> None:
    """Neither customers, nor operators who may only look; and one tenant's operators know nothing of another's."""
    async with operator(site) as desk, operator(site, Scope.READ) as viewer, site.client() as ann:
        account = await opened(ann, "10.00")
        deposit = (await activity(ann, account))[0]["id"]
        id_ = await proposed(desk, account)
        await desk.do(RECONCILE)
        run = (await nodes(desk, RUNS))[0]["id"]
        for query, variables in requests(account, deposit, id_):
            for client in (viewer, ann):
                assert await refused(site, client, query, **variables) == ("FORBIDDEN", [])
        for query in (TRIAL_BALANCE, CLOSES, LEDGER, RESERVE, JOURNALS, RUNS):
            [error] = (await ann.answer(query))["errors"]
            assert error["extensions"]["code"] == "FORBIDDEN"
            assert "errors" not in await viewer.answer(query)
        fbo = site.world.commits.journal.outside << 25 | 1 << 5 | 16
        secret = [id_, run, encode_id("LedgerAccount", fbo)]
        find = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }"
        assert (await ann.ask(find, ids=secret))["nodes"] == [None] * 3
        assert (await viewer.ask(find, ids=secret))["nodes"] == [{"id": each} for each in secret]
        tenant = await other_tenant(site)
        async with site.client(desk.user_id, tenant_id=tenant, roles=[Role.OPERATOR]) as other:
            assert (await other.ask(find, ids=secret))["nodes"] == [None] * 3
            for query in (JOURNALS, RUNS, CLOSES, LEDGER):
                assert await nodes(other, query) == []
            assert await refused(site, other, APPROVE, id=id_) == ("NOT_FOUND", ["journalId"])
            assert await refused(site, other, REVERSE, input={"entryId": deposit, "reason": "x"}) == (
                "NOT_FOUND",
                ["entryId"],
            )
            mine = {"accountId": account, "lines": SORRY, "reason": "x"}
            assert await refused(site, other, PROPOSE, input=mine) == ("NOT_FOUND", ["accountId"])


async def other_tenant(site: Site) -> UUID:
    async with site.world.pool.acquire() as connection:
        return (await open_tenant(connection, f"tenant {new_id()}", site.world.clock.now())).tenant_id


WRONG: dict[str, tuple[Json, str, list[str]]] = {
    "no lines": ({"lines": []}, "LINES_INVALID", ["lines"]),
    "too many lines": ({"lines": SORRY * 26}, "LINES_INVALID", ["lines"]),
    "an asset that is not there": ({"lines": [SORRY[0] | {"asset": "NOPE"}]}, "ASSET_INVALID", ["lines", "0", "asset"]),
    "shares where dollars move": (
        {"lines": [SORRY[0] | {"asset": "AAPL"}]},
        "KIND_NOT_ALLOWED",
        ["lines", "0", "debit"],
    ),
    "a kind of another room": (
        {"lines": [SORRY[0] | {"credit": "HELD"}]},
        "KIND_NOT_ALLOWED",
        ["lines", "0", "credit"],
    ),
    "nine decimals": ({"lines": [SORRY[0] | {"amount": "0.000000001"}]}, "AMOUNT_INVALID", ["lines", "0", "amount"]),
    "far too much": ({"lines": [SORRY[0] | {"amount": "9" * 30}]}, "AMOUNT_INVALID", ["lines", "0", "amount"]),
    "nothing": ({"lines": [SORRY[0] | {"amount": "0.00"}]}, "AMOUNT_INVALID", ["lines", "0", "amount"]),
    "lines that are no fee": ({"kind": "FEE"}, "KIND_MISMATCH", ["lines", "0"]),
    "lines that are no transfer": ({"kind": "TRANSFER"}, "KIND_MISMATCH", ["lines"]),
    "a reversal": ({"kind": "REVERSAL"}, "KIND_MISMATCH", ["kind"]),
    "a transfer to nobody": ({"kind": "TRANSFER", "lines": GIFT}, "ACCOUNT_REQUIRED", ["toAccountId"]),
    "a transfer to what is no account": (
        {"kind": "TRANSFER", "lines": GIFT, "toAccountId": "x"},
        "ID_INVALID",
        ["toAccountId"],
    ),
    "no reason": ({"reason": " "}, "REASON_INVALID", ["reason"]),
    "no account": ({"accountId": None}, "ACCOUNT_REQUIRED", ["accountId"]),
    "no id of an account": ({"accountId": "x"}, "ID_INVALID", ["accountId"]),
    "tomorrow": ({"effectiveAt": "2026-11-26T00:00:00Z"}, "EFFECTIVE_AT_INVALID", ["effectiveAt"]),
    "no offset": ({"effectiveAt": "2026-11-25T12:00:00"}, "EFFECTIVE_AT_INVALID", ["effectiveAt"]),
    "before everything": ({"effectiveAt": "0001-01-01T00:00:00Z"}, "EFFECTIVE_AT_INVALID", ["effectiveAt"]),
    "before all years": ({"effectiveAt": "0001-01-01T00:00:00+14:00"}, "EFFECTIVE_AT_INVALID", ["effectiveAt"]),
    "after all years": ({"effectiveAt": "9999-12-31T23:59:00-14:00"}, "EFFECTIVE_AT_INVALID", ["effectiveAt"]),
}


@pytest.mark.parametrize("what", WRONG)
async def test_what_can_not_be_proposed(site: Site, what: str) -> None:
    changed, code, path = WRONG[what]
    async with operator(site) as desk, site.client() as ann:
        account = await opened(ann, "10.00")
        input_ = {"accountId": account, "lines": SORRY, "reason": "Said sorry"} | changed
        assert await refused(site, desk, PROPOSE, input=input_) == (code, path)


async def test_what_can_not_be_decided(site: Site) -> None:
    async with operator(site) as desk, operator(site) as colleague, site.client() as ann:
        account = await opened(ann, "10.00")
        id_ = await proposed(desk, account)
        for query, extra in ((APPROVE, {}), (REJECT, {"reason": "No"}), (WITHDRAW, {})):
            nowhere = encode_id("ManualJournal", new_id())
            assert await refused(site, desk, query, id=nowhere, **extra) == ("NOT_FOUND", ["journalId"])
            for wrong in (account, "", "x"):
                assert await refused(site, desk, query, id=wrong, **extra) == ("ID_INVALID", ["journalId"])
        assert await refused(site, colleague, REJECT, id=id_, reason="") == ("REASON_INVALID", ["reason"])
        assert await refused(site, colleague, WITHDRAW, id=id_) == ("NOT_YOURS", ["journalId"])
        for entry, code in (
            (account, "ID_INVALID"),
            ("x", "ID_INVALID"),
            (encode_id("JournalEntry", "1.x"), "ID_INVALID"),
        ):
            found = await refused(site, desk, REVERSE, input={"entryId": entry, "reason": "x"})
            assert found == (code, ["entryId"])
        for entry in ("1.999999", "999999.1", "99999999999.1"):
            id__ = encode_id("JournalEntry", entry)
            found = await refused(site, desk, REVERSE, input={"entryId": id__, "reason": "x"})
            assert found == ("NOT_FOUND", ["entryId"])
        assert (await colleague.do(REJECT, id=id_, reason="No"))["journal"]["decision"] == "No"
        for query, extra in ((APPROVE, {}), (REJECT, {"reason": "No"}), (WITHDRAW, {})):
            assert await refused(site, colleague, query, id=id_, **extra) == ("NOT_OPEN", ["journalId"])


async def test_a_request_that_is_sent_again_changes_nothing(site: Site) -> None:
    async with operator(site) as desk, operator(site) as colleague, site.client() as ann:
        account = await opened(ann, "10.00")
        deposit = (await activity(ann, account))[0]["id"]
        withdrawn = await proposed(desk, account)
        for client, query, variables in (
            (desk, PROPOSE, {"input": {"accountId": account, "lines": SORRY, "reason": "x"}}),
            (desk, REVERSE, {"input": {"entryId": deposit, "reason": "x"}}),
            (colleague, APPROVE, {"id": await proposed(desk, account)}),
            (colleague, REJECT, {"id": await proposed(desk, account), "reason": "x"}),
            (desk, WITHDRAW, {"id": withdrawn}),
            (desk, RECONCILE, {}),
        ):
            key = str(new_id())
            first = await client.do(query, **variables, key=key)
            assert first["errors"] == []
            before = await site.world.everything()
            assert await client.do(query, **variables, key=key) == first
            assert await site.world.everything() == before
            other = await refused(site, client, REJECT, id=withdrawn, reason="y", key=key)
            assert other == ("IDEMPOTENCY_KEY_REUSED", ["idempotencyKey"])


def requests(account: str, entry: str, journal: str) -> list[tuple[str, Json]]:
    """What an operator could do with the books."""
    return [
        (PROPOSE, {"input": {"accountId": account, "lines": SORRY, "reason": "x"}}),
        (REVERSE, {"input": {"entryId": entry, "reason": "x"}}),
        (APPROVE, {"id": journal}),
        (REJECT, {"id": journal, "reason": "x"}),
        (WITHDRAW, {"id": journal}),
        (RECONCILE, {}),
    ]
