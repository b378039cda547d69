"""Judges: how good a translation is, one file a modality."""
