"""The webhook's certificates: made, read and checked, stored in Secrets or a folder, rotated, trusted.

What is due when is decided in `core/rotation.py`; here is what takes time, keys and storage.
"""
