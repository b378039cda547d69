"""Judges: how good a translation is, one file a modality."""

from translate.errors import UserError


class MissingJudge(UserError, RuntimeError):
    """A judge's package or weights are not there, or not the published ones. One sentence with the remedy."""
