"""How a message gets to where it is read."""
