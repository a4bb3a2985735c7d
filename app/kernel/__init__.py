"""Values and rules that every room shares: money, time, ids, events, refusals. Pure: no I/O."""
