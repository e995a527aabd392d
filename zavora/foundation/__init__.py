"""The cellar: what every room stands on. Nothing of ours is above it."""
