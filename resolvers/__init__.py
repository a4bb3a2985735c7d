"""Between the schema and the rooms of app: fetches, checks who may, hands commands on. No SQL, no rules."""
