"""The keeper of the two webhook configurations, and what it looks at before it writes them.

What they should be, and what to do where they differ, is decided in `core/registration/`.
"""
