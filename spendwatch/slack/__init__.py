"""Slack as people use it: what they press, submit, open and type, and what comes back."""
