class UserError(Exception):
    """A mistake that the user can mend. Its message is one sentence with the remedy; the command line prints it, exit code 2."""
