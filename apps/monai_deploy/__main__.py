"""`python apps/monai_deploy -i STUDIES -o OUT -m BUNDLES`: starts the application (mrclass_deploy/app.py)."""

from __future__ import annotations

import os
import sys

STACK = 32 << 20  # bytes; the SDK's engine may crash with less


def raise_stack() -> None:
    """Start this process anew with the stack that the SDK wants; a running one keeps what it began with."""
    try:
        import resource
    except ImportError:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_STACK)
    unlimited = resource.RLIM_INFINITY
    if soft != unlimited and soft < STACK and (hard == unlimited or hard >= STACK):
        resource.setrlimit(resource.RLIMIT_STACK, (STACK, hard))
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


if __name__ == "__main__":  # worker processes import this file, too
    raise_stack()
    from mrclass_deploy.app import main

    sys.exit(main())
