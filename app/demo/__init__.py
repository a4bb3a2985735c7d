"""The sandbox: a tenant to play with, and simulated investors who trade through the public API."""
