"""What can be traded, when and at which price: instruments, bars, calendars, clock and quotes."""
