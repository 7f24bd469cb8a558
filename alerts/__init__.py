"""Decides who is told, and keeps what they answer."""
