"""v1 over REST: Django views for reads and money, edge handlers for the rest."""
