"""What is known of a cluster: from its API server, or from files that describe it."""
