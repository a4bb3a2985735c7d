"""Controls before the trade: rules as data, the check of an order against them, and the cash account's own rules."""
