"""What every namespace is to hold: templates, allocated ranges, whose it is. Pure, as all of the core.

Beside each other stands what answers for one namespace: which template serves it, what is wanted in
it, what its pods wait for. What those answers rest on is in the packages.
"""
