"""WorkloadDefaults: what a pod leaves unsaid is filled in, and what it says is held to bounds."""
