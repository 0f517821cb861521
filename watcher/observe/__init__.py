"""What people and machines see of the watcher: log lines, without a secret in them."""
