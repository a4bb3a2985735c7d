"""A drill for the day on which the database's machine is lost: what is lost with it, and for how long."""
