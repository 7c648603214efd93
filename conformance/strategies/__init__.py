"""What is drawn: keys, values, bounds, operations; and what is enumerated: odd keys, malformed paths."""
