"""``python -m phasewise`` is the command line."""

import sys

from phasewise.cli import main

sys.exit(main())
