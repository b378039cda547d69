"""A user's mistakes, and how errors are put into one sentence."""


class UserError(Exception):
    """A mistake that the user can mend. Its message is one sentence with the remedy; the command line prints it, exit code 2."""


def reason(error: Exception) -> str:
    """What an exception of a library says, in one line."""
    text = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
    return text.splitlines()[0]


def at_least(least: float, **values: float) -> None:
    """Refuses numbers of the command line that are too small, or no numbers."""
    for name, value in values.items():
        if not value >= least:  # NaN too
            raise UserError(f"--{name} {value}: it must be at least {least}")


def fraction(**values: float | None) -> None:
    """Refuses numbers of the command line that are no share of a whole; None: left out."""
    for name, value in values.items():
        if value is not None and not 0 <= value <= 1:
            raise UserError(f"--{name} {value}: it is a share; give a number from 0 to 1")
