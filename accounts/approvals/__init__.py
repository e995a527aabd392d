"""Acts that take more than one person: asked for by one, approved by others, done once."""
