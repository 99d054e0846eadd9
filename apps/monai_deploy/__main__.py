"""`python apps/monai_deploy -i STUDIES -o OUT -m BUNDLES`: starts the application (mrclass_deploy/app.py)."""

from __future__ import annotations

import sys

if __name__ == "__main__":  # worker processes import this file, too
    from mrclass_deploy.app import main

    sys.exit(main())
