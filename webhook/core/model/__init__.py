"""The words that every rule is written in."""
