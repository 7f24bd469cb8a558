"""The running service: settings, database, jobs and command line."""
