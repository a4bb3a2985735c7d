"""What can happen, in the words of the schema."""

from typing import TypeAlias

from app.kernel import events
from schema.enums import describe

EventType: TypeAlias = events.EventType
describe(
    EventType,
    "EventType",
    "What happened.",
    {
        "ACCOUNT_OPENED": "A customer's account was opened.",
        "ACCOUNT_CLOSED": "A customer's account was closed.",
        "HOUSE_FUNDED": "The firm put money of its own in.",
        "DEPOSIT": "Money came in from a customer's bank.",
        "WITHDRAWAL": "Money went out to a customer's bank.",
        "ORDER_ACCEPTED": "An order was taken, and what it needs is held.",
        "ORDER_NEW": "An order became part of a market order.",
        "ORDER_PARTIALLY_FILLED": "An order got a part of what it asked for.",
        "ORDER_FILLED": "An order got all it asked for; its end.",
        "ORDER_PENDING_CANCEL": "An order is to be canceled as far as the venue lets go of it.",
        "ORDER_CANCELED": "What was not filled of an order was canceled; its end.",
        "ORDER_REJECTED": "The venue refused an order; its end.",
        "ORDER_EXPIRED": "An order's time ran out; its end.",
        "ORDER_PENDING_REPLACE": "An order is to be replaced as far as the venue lets go of it.",
        "ORDER_REPLACED": "Another order took an order's place; its end.",
        "ORDER_CANCEL_REJECTED": "The venue did not let go of an order that was to be canceled: it goes on.",
        "ORDER_REPLACE_REJECTED": "The venue did not let go of an order that was to be replaced: it goes on.",
        "ORDER_TRADE_CORRECTED": "A deal was taken back or corrected, and an order's part in it with it.",
        "MARKET_ORDER_CREATED": "Orders were gathered into a market order.",
        "MARKET_ORDER_SENT": "A market order went to its venue.",
        "MARKET_ORDER_CHANGE_REQUESTED": "The venue was asked to deal less, or no more.",
        "MARKET_ORDER_CHANGED": "The venue agreed to deal less.",
        "MARKET_ORDER_CHANGE_REJECTED": "The venue did not agree to deal less.",
        "EXECUTION": "The venue dealt a part of a market order, or all of it.",
        "EXECUTION_BUSTED": "The venue took a deal back.",
        "EXECUTION_CORRECTED": "The venue put another deal in the place of one.",
        "MARKET_ORDER_CLOSED": "A market order came to its end, and the house took what was left.",
        "MARKET_ORDER_ASKED_AGAIN": "An operator had the venue asked what became of a market order.",
        "TRADE_SETTLED": "Shares and cash were exchanged with the clearing house.",
        "CASH_SETTLED": "What a customer's sales brought has come in.",
        "SHARES_REPAID": "Shares that a customer owed were handed over.",
        "RISK_RULE_SET": "An operator set a risk rule.",
        "RISK_RULE_ENDED": "An operator ended a risk rule.",
        "GOOD_FAITH_VIOLATION": "Shares were sold before the money that they were bought with had come in.",
        "FREE_RIDING": "Shares were sold that had not been paid for.",
        "CASE_OPENED": "Something was found that a person has to decide.",
        "CASE_REPORTED_AGAIN": "The same was found again while its case was open.",
        "CASE_ASSIGNED": "A case was given to an operator.",
        "CASE_NOTED": "A note was added to a case.",
        "CASE_RESOLVED": "A case was decided.",
        "CASE_DISMISSED": "There was nothing to decide in a case.",
    },
)
