"""The operations of an operator: one file for each."""
