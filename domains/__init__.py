"""Modalities: a file <-> a Sample, and the networks, distances and judges that suit it."""
