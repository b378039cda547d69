"""Translation methods, one family a file."""
