"""Decisions in, one text out: each format in its module."""
