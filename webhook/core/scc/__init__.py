"""Security context constraints: which one admits a pod, and what it fills in."""
