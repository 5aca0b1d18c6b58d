"""What asyncio offers, on the engine's loop; and the HTTP server beside it on the same thread."""
