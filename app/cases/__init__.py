"""Cases: what a person must decide, with the history of how they did."""
