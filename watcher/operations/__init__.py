"""What an operator runs: one file for each thing."""
