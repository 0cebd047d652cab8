"""The mode that sees what weights make of the signal, and stops a pass that has shown enough."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor

from initwise.calibration._sums import Sums, sums
from initwise.model.graph._calls import CallMode
from initwise.signals._call import Call, is_measurable
from initwise.signals._knowledge import Knowledge, Known
from initwise.signals._places import Places

CHANNELS_LAST = frozenset("linear addmm mm matmul __matmul__ __rmatmul__ bmm baddbmm einsum bilinear".split())
_CONVOLUTIONS = {f"conv{'_transpose' * transposed}{n}d": n for transposed in (0, 1) for n in (1, 2, 3)}
PRODUCTS = CHANNELS_LAST | _CONVOLUTIONS.keys()


class Enough(BaseException):
    """Ends a pass from within; no error, and so nothing that a model's own handlers catch."""


class Watch(CallMode):
    """Sums of what each weight makes in the first call of the module that uses it first, in the order of execution.

    Args:
        names: names of parameters by the identity of their tensors.
        canonical: names of parameters by any name that they have.
        places: which module runs.
        until: the weight after whose module the pass ends, at the next product; None for a whole pass.
    """

    def __init__(
        self, names: Mapping[int, str], canonical: Mapping[str | None, str], places: Places, until: str = ""
    ) -> None:
        super().__init__()
        self.seen: dict[str, Sums] = {}
        self.operations: dict[str, str] = {}
        self.running = ""
        self._knowledge = Knowledge(names, canonical, places)
        self._places = places
        self._until = until
        self._first: dict[str, tuple[str, int]] = {}
        self._count = 0

    def takes(self, arguments: Any) -> None:
        """Note what the model is called with."""
        self._knowledge.input(arguments)

    def read(self, func: Any, args: tuple[Any, ...]) -> Any:
        """Return a property; a view of a tensor stands for it."""
        result = func(*args)
        if isinstance(result, Tensor) and isinstance(args[0], Tensor) and func.__self__.__name__ != "grad":
            self._knowledge.note(result, self._knowledge.look(args[0]))
        return result

    def called(self, func: Callable[..., Any], name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run an operation, and look at what it makes."""
        self.running = name
        if self._until in self.seen and name in PRODUCTS and self._places.now != self._first[self._until]:
            raise Enough
        call = Call(func, name, args, kwargs)
        before = [self._knowledge.look(tensor) for tensor in call.taken]
        result = call.run()
        made = call.made(result)
        if not made:
            return result
        parameters = [each for known in before if not known.signal for each in known.parameters]
        if not any(known.signal for known in before):
            self._knowledge.settle(call, made, Known(parameters=tuple(dict.fromkeys(parameters))))
            return result
        self._count += 1
        self._knowledge.settle(call, made, Known(self._count, signal=True))
        if name in PRODUCTS:
            for parameter in dict.fromkeys(parameters):
                self._look(parameter, name, made[0])
        return result

    def _look(self, parameter: str, name: str, made: Tensor) -> None:
        place = self._first.setdefault(parameter, self._places.now)
        if place != self._places.now or not is_measurable(made):
            return
        axis = made.dim() - 1 - _CONVOLUTIONS[name] if name in _CONVOLUTIONS else made.dim() - 1
        found = sums(made, axis)
        here = self.seen.get(parameter)
        if here is not None:
            found = here + found if here.total.shape == found.total.shape else here.whole + found.whole
        self.seen[parameter] = found
        self.operations[parameter] = name
