"""What is wanted against what is there: what was put in, what drifted, whose a field is, what to do."""
