"""tenantgate: SCC admission, tenant isolation and safe defaults for plain Kubernetes."""

__version__ = "0.1.0"
