"""Who is asking, and how often: shared by both APIs."""
