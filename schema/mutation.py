"""What can be done."""

import strawberry

from schema import (
    account_changes,
    audit,
    banking,
    cases,
    corporate_action_changes,
    manual_journal_changes,
    operate,
    risk_changes,
    trading,
)
from schema import reconciliations as compared


@strawberry.type(description="What can be done. Everything that moves money or shares takes an idempotency key.")
class Mutation:
    open_account: account_changes.OpenAccountPayload = strawberry.mutation(
        resolver=account_changes.open_account, description="Open an account for yourself."
    )
    close_account: account_changes.CloseAccountPayload = strawberry.mutation(
        resolver=account_changes.close_account,
        description="Close an account of yours, once it is empty and no order is open. Its history stays. Should a "
        "deal of it be taken back later, it is opened again.",
    )
    deposit: banking.CashPayload = strawberry.mutation(
        resolver=banking.deposit, description="Put money in, over the sandbox rail: it is there at once."
    )
    withdraw: banking.CashPayload = strawberry.mutation(
        resolver=banking.withdraw, description="Take settled money out, over the sandbox rail."
    )
    preview_order: trading.PreviewOrderPayload = strawberry.mutation(
        resolver=trading.preview_order, description="What an order would do. Changes nothing."
    )
    place_order: trading.PlaceOrderPayload = strawberry.mutation(
        resolver=trading.place_order,
        description="Place an order. It gathers with others for a moment, is dealt with them as one, "
        "and comes back as exact fills at the average price.",
    )
    replace_order: trading.ReplaceOrderPayload = strawberry.mutation(
        resolver=trading.replace_order,
        description="Change an order's size, limit or time: another order takes its place, at once while it is "
        "gathering; later, as soon as the market lets go of what is not filled.",
    )
    cancel_order: trading.CancelOrderPayload = strawberry.mutation(
        resolver=trading.cancel_order,
        description="Cancel an order: at once while it is gathering; later, whatever the market leaves unfilled of it.",
    )
    set_risk_rule: risk_changes.SetRiskRulePayload = strawberry.mutation(
        resolver=risk_changes.set_risk_rule,
        description="Set a rule that orders must keep, for operators. It holds from the very next order on.",
    )
    end_risk_rule: risk_changes.EndRiskRulePayload = strawberry.mutation(
        resolver=risk_changes.end_risk_rule, description="End a rule at once, for operators."
    )
    engage_kill_switch: risk_changes.SetRiskRulePayload = strawberry.mutation(
        resolver=risk_changes.engage_kill_switch,
        description="Stop every order of an account, of an instrument, or of everybody, for operators.",
    )
    release_kill_switch: risk_changes.ReleaseKillSwitchPayload = strawberry.mutation(
        resolver=risk_changes.release_kill_switch, description="Let orders through again, for operators."
    )
    force_expire_order: operate.ForceExpireOrderPayload = strawberry.mutation(
        resolver=operate.force_expire_order,
        description="End a stuck order now with what is filled, for operators. What its venue may still deal of it "
        "is the house's.",
    )
    ask_venue_again: operate.AskVenueAgainPayload = strawberry.mutation(
        resolver=operate.ask_venue_again,
        description="Have the venue asked where a market order stands, for operators: what it tells is taken in.",
    )
    restart_audit: audit.RestartAuditPayload = strawberry.mutation(
        resolver=audit.restart_audit, description="Have the whole journal added up again, for operators."
    )
    propose_manual_journal: manual_journal_changes.ManualJournalPayload = strawberry.mutation(
        resolver=manual_journal_changes.propose_manual_journal,
        description="Propose a journal by hand, for operators. Nothing moves until another operator approves it.",
    )
    propose_reversal: manual_journal_changes.ManualJournalPayload = strawberry.mutation(
        resolver=manual_journal_changes.propose_reversal,
        description="Propose to take back a journal entry whose whole truth is in the ledger (a deposit, a withdrawal, "
        "a journal by hand but a transfer), for operators. Once only; what a customer has not got any more is owed.",
    )
    approve_manual_journal: manual_journal_changes.ManualJournalPayload = strawberry.mutation(
        resolver=manual_journal_changes.approve_manual_journal,
        description="Post what another operator proposed, for operators.",
    )
    reject_manual_journal: manual_journal_changes.ManualJournalPayload = strawberry.mutation(
        resolver=manual_journal_changes.reject_manual_journal, description="Reject what was proposed, for operators."
    )
    withdraw_manual_journal: manual_journal_changes.ManualJournalPayload = strawberry.mutation(
        resolver=manual_journal_changes.withdraw_manual_journal,
        description="Withdraw what you proposed, for operators.",
    )
    reconcile: compared.ReconcilePayload = strawberry.mutation(
        resolver=compared.reconcile,
        description="Compare our books with what the custodian and the bank say, for operators. Each break is a case.",
    )
    announce_corporate_action: corporate_action_changes.AnnounceCorporateActionPayload = strawberry.mutation(
        resolver=corporate_action_changes.announce_corporate_action,
        description="Announce a split, a dividend or a merger, for operators: it is carried out on its dates.",
    )
    cancel_corporate_action: corporate_action_changes.CancelCorporateActionPayload = strawberry.mutation(
        resolver=corporate_action_changes.cancel_corporate_action,
        description="Cancel a corporate action that has not begun, for operators.",
    )
    assign_case: cases.CasePayload = strawberry.mutation(
        resolver=cases.assign_case, description="Give a case to an operator, for operators."
    )
    note_case: cases.CasePayload = strawberry.mutation(
        resolver=cases.note_case, description="Add a note to a case, for operators."
    )
    resolve_case: cases.CasePayload = strawberry.mutation(
        resolver=cases.resolve_case, description="Close a case that was decided, for operators."
    )
    dismiss_case: cases.CasePayload = strawberry.mutation(
        resolver=cases.dismiss_case, description="Close a case in which nothing is to be decided, for operators."
    )
