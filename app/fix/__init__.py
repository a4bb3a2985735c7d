"""FIX 4.4: messages, the session, its journal, and connections. It knows nothing of orders."""
