"""`record`: watch a block of code, and say who wrote which parameter."""

from __future__ import annotations

import sys
import threading
from contextlib import ExitStack
from types import TracebackType

from torch import nn

from initwise.errors import NotSupportedError
from initwise.provenance._account import account
from initwise.provenance._log import Log, checked
from initwise.provenance._models import Modules
from initwise.provenance._watch import Ledger, Watcher
from initwise.writing import OBSERVERS

_ONE = threading.Lock()  # one block at a time: torch tells the whole process of registrations


class record:  # noqa: N801 - called like a function, as torch.no_grad is
    """Record which operation writes each parameter in a `with` block: how often, in which order, from which line.

    The block may build models, initialize them, load them, copy or convert them: any code, and any thread's work shows
    at least in the result. What it does is bit for bit what it does without; but memory that nobody wrote holds NaN
    afterwards instead of whatever was there. Read the log when the block is over.

    Args:
        model: the model whose parameters are the log's rows. Without it, the models that something was registered in
            during the block, and where something else was written, the models in the process that hold it.
        poison: fill new float memory with a NaN of a special payload, which shows at the end what was not written,
            elements of a partly written parameter included. False leaves memory as it comes, and trusts in what torch
            shows.

    Returns:
        A context manager that gives a `Log`: `print(log)`, `log["name"].writes`, `log.never_written`, `log.findings`.

    Raises:
        ArgumentTypeError: `model` is no `nn.Module`.
        NotSupportedError: another block is being recorded, here or in another thread.

    >>> with record() as log:
    ...     layer = nn.Linear(4, 2)
    ...     _ = nn.init.zeros_(layer.bias)
    >>> log["bias"].last.operation, log["bias"].replaced[0].operation, log.ok
    ('zeros_', 'uniform_', True)
    """

    def __init__(self, model: nn.Module | None = None, *, poison: bool = True) -> None:
        self._model = None if model is None else checked(model, "record")
        self._poison = poison
        self._restore = ExitStack()
        self._log = Log()

    def __enter__(self) -> Log:
        if not _ONE.acquire(blocking=False):
            raise NotSupportedError("record: another block is being recorded; end it first, one block sees everything")
        self._restore.callback(_ONE.release)
        self._log = Log()
        self._log.model = self._model
        self._ledger = Ledger(sys._getframe(1), poison_memory=self._poison)
        self._modules = Modules(self._ledger.registry)
        self._modules.watch()
        self._restore.callback(self._modules.rest)
        OBSERVERS.append(self._ledger.written)
        self._restore.callback(OBSERVERS.remove, self._ledger.written)
        self._restore.enter_context(Watcher(self._ledger))
        return self._log

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._restore.close()
        self._ledger.close()
        self._log.fill(*account(self._ledger, self._modules, self._log.model))
        del self._ledger, self._modules
