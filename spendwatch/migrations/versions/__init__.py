"""The migrations of the database schema, in order."""
