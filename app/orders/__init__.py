"""Orders: accepted with a hold, gathered in windows, dealt as one market order, shared out exactly."""
