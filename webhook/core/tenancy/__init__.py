"""Tenant isolation: who may touch what, and which objects reach outside their namespace."""
