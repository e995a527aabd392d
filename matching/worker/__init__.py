"""The matching worker: reads a shard's commands, decides, settles, tells. One live per shard."""
