"""Experiments: data + a system + its numbers, one Python function each."""
