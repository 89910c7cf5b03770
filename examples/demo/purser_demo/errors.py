"""The one kind of failure that is told without a stack trace."""


class DemoError(Exception):
    """The message says what failed and, where possible, what to do."""
