"""What every namespace is to hold: templates, allocated ranges, whose it is. Pure, as all of the core."""
