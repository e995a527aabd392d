"""What both APIs travel by: HTTP, bodies, exact JSON, errors, threads."""
