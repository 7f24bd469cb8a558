"""The `robust` method: points for named evidence, and a page above the bar."""
