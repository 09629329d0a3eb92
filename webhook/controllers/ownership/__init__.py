"""Whose a namespace is after its creation: what hands it over, and what its owners may do to it.

What stands in the way of a transfer is decided in `core/provisioning/ownership/`.
"""
