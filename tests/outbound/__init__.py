"""Local servers that webhooks and the heartbeat are sent to, with certificates of their own."""
