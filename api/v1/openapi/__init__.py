"""The OpenAPI document of v1 and its page."""
