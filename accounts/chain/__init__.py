"""The chain of records: what is hashed, whether it still holds, and how it leaves the house."""
