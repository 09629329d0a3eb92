"""What a review and a check cost. Not part of the product, and never imported by it."""
