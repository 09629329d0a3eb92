"""Templates of both kinds: the documents, their parameters, and all that can be wrong in them.

Nothing in here knows a namespace: mistakes are found when the policies load.
"""
