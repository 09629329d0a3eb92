"""The serving certificate: issued for development, read and checked always."""
