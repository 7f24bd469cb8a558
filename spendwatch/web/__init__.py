"""What is served over HTTP: what Slack posts, probes, metrics, and the product's pages."""
