"""Building blocks and networks."""
