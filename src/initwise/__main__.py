"""`python -m initwise`: the same as the `initwise` command."""

import sys

from initwise.cli import main  # takes no time: what does is imported where an interrupt is caught

if __name__ == "__main__":
    sys.exit(main())
