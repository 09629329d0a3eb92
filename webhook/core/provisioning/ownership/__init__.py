"""Whose a namespace is: its stamp, its way to another tenant, and what its owners may do to it."""
