"""Wealthgraph: a wealth platform's backend. Start at docs/architecture.md."""
