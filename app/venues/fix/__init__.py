"""Venues that speak FIX 4.4: the adapter that deals with one, and the desk that makes one out of any venue."""
