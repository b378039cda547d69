"""What benchmarks compare with: the work that the widely used implementations do, in their order, re-expressed in our own words.

Nothing here is made fast, and nothing slower than it is there. Only recipes/benchmark.py reads it.
"""
