"""What keeps a cluster as the policies want it: one leader, a queue for each concern, levels not edges.

Beside each other stand the frame, which knows no concern but `plugged`, the list of them all; what
several controllers share; and controllers of a single module. One of several modules is a package.
"""
