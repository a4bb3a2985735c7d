"""What the rooms stand on: the database, embedded servers, the live hub, jobs, telemetry."""
