"""Shows the work to an operator: log, metrics and status page, without secrets."""
