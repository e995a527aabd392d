"""What ``make bench`` measures: the engine, the stream, HTTP, and a plain exchange beside them."""
