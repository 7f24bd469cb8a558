"""Finds out what was spent, and whether it is abnormal."""
