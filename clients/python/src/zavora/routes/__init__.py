"""Every route of the API, each written once: what is sent, and what the answer is."""
