"""The surface: HTTP and WebSocket, what a document may cost, how it is executed, and what a client is told."""
