"""The one error that reaches the user as a sentence instead of a traceback."""


class ClusterError(Exception):
    """Says what failed and the way out."""
