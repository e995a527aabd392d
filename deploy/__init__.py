"""How Zavora is deployed."""
