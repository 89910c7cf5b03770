#!/usr/bin/env python3
"""A real, local, throwaway Kubernetes for Purser's tests; see README.md beside this file."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from purser_cluster.commands import main  # noqa: E402  (the path above has to come first)

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
