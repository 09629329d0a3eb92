"""The webhook: one `handle` for every review, and what carries bytes to it."""
