"""What an operator sees of a running daemon: metrics, logs, and the ops port."""
