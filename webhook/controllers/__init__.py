"""What keeps a cluster as the policies want it: one leader, a queue for each concern, levels not edges."""
