"""What ``wealthgraph`` can do, by subject: each command reads its arguments and hands on to the room that does it."""
