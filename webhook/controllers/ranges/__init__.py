"""Uid ranges in a cluster: blocks claimed in the ledger by one namespace each, and the ledger mended.

What may be written into the ledger is decided in `core/provisioning/ranges/`.
"""
