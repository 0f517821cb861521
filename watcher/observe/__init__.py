"""What an operator sees of the work: log events, without anything secret in them."""
