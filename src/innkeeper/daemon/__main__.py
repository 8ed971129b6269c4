"""`python -m innkeeper.daemon`."""

import sys

from .main import main

sys.exit(main())
