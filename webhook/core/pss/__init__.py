"""The Pod Security Standards of Kubernetes: the controls, and where they are held against a pod."""
