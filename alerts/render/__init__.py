"""How a message looks where it is read."""
