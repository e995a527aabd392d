"""What is told by itself: streams over the WebSocket, and books that are kept by them."""
