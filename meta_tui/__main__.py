"""`python -m meta_tui`: the command `meta`.

Python puts the working directory first in the search path for `-m`, so that a folder `engine` or
a file `random.py` that a person has there would be imported instead of ours. It is taken out
before anything else is imported; where the package itself lies there, it comes back as the last.
"""

import sys

if not sys.flags.safe_path and sys.path:
    _here = sys.path.pop(0)
    if __file__.startswith(_here):
        sys.path.append(_here)

from meta_tui.cli import main

if __name__ == "__main__":
    sys.exit(main())
