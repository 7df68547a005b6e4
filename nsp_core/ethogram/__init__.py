"""What was predicted, as the tables biologists read."""
