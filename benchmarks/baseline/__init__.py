"""A plain Django exchange, as small ones are built: the yardstick of (d). No part of Zavora."""
