"""Libraries that only a comparison needs: found, or named with what installs them."""

from __future__ import annotations

import importlib.util

from initwise.errors import NotSupportedError


def needed(package: str, module: str, extra: str, what: str) -> None:
    """Do nothing where `module` can be imported.

    Raises:
        NotSupportedError: it can't; the message says what needs it and what to install.
    """
    if importlib.util.find_spec(module) is None:
        raise NotSupportedError(
            f"{what}: needs {package}, which is not installed; install it: pip install 'initwise[{extra}]'"
        )
