"""Which namespace has which block of ids: the ledger, its text, and what a block means on a namespace."""
