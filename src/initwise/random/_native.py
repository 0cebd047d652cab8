"""Native code of the kernels: kept in a cache folder, loaded through LLVM without importing Numba.

Numba needs about half a second to import and as much again to load its own cache; a process that finds the kernels here
needs some hundredths.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import hashlib
import importlib.metadata
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

_SOURCES = ("_kernels.py", "_normal.py", "_philox.py")
_DIGEST_SIZE = 32
_FORMAT = "1"

_engines: list[Any] = []  # what is loaded stays loaded


def symbol(kind: str, storage: str) -> str:
    """The name of a kernel's function."""
    return f"initwise_fill_{kind}_{storage}"


def load(kind: str, storage: str) -> int:
    """The address of a kernel's function: from the cache, or else compiled now and kept there.

    Raises:
        ImportError: Numba is missing.
        OSError: its libraries cannot be loaded.
    """
    import llvmlite.binding as llvm

    path = _path(kind, storage)
    code = _read(path)
    if code is None:
        code = _compiled(kind, storage)
        _write(path, code)
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), _machine())
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    _engines.append(engine)
    return int(engine.get_function_address(symbol(kind, storage)))


def converts_halves() -> bool:
    """Whether the processor rounds to float16 by itself; LLVM would call a function that may not exist."""
    import llvmlite.binding as llvm

    return bool(llvm.get_host_cpu_features().get("f16c", True))  # a question for x86 only


def _compiled(kind: str, storage: str) -> bytes:
    import llvmlite.binding as llvm

    from initwise.random import _kernels

    module = llvm.parse_assembly(_kernels.llvm_ir(kind, storage, symbol(kind, storage)))
    return bytes(_machine().emit_object(module))


def _machine() -> Any:
    import llvmlite.binding as llvm

    with contextlib.suppress(RuntimeError, AttributeError):  # llvmlite initializes itself from 0.45 on
        llvm.initialize()
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    target = llvm.Target.from_default_triple()
    features = llvm.get_host_cpu_features().flatten()
    return target.create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=features, opt=3, reloc="default", codemodel="jitdefault", jit=True
    )


def _path(kind: str, storage: str) -> Path | None:
    """Where the code for this processor and these versions is kept; None where there is no home."""
    root = os.environ.get("XDG_CACHE_HOME")
    try:
        folder = Path(root) if root else Path.home() / ".cache"
    except RuntimeError:
        return None
    return folder / "initwise" / "kernels" / f"{symbol(kind, storage)}-{_fingerprint()}.o"


@functools.cache
def _fingerprint() -> str:
    """What the code depends on: sources, versions and processor."""
    import llvmlite.binding as llvm

    parts = [_FORMAT, *(importlib.metadata.version(name) for name in ("numba", "llvmlite"))]
    parts += [llvm.get_process_triple(), llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()]
    parts += [Path(__file__).with_name(name).read_text("utf-8") for name in _SOURCES]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:24]


def _read(path: Path | None) -> bytes | None:
    """The code in a cache file; None if it is absent or damaged."""
    if path is None:
        return None
    try:
        content = path.read_bytes()
    except OSError:
        return None
    digest, code = content[:_DIGEST_SIZE], content[_DIGEST_SIZE:]
    return code if hashlib.sha256(code).digest() == digest else None


def _write(path: Path | None, code: bytes) -> None:
    """Keep the code, whole or not at all; where that cannot be done, each process compiles its own."""
    if path is None:
        return
    with contextlib.suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(hashlib.sha256(code).digest() + code)
            Path(temporary).replace(path)
        finally:
            Path(temporary).unlink(missing_ok=True)  # still there if the disk is full


def as_function(address: int, *argument_types: Any) -> Callable[..., int]:
    """A Python callable of a native function, which releases the GIL while it runs."""
    function: Callable[..., int] = ctypes.CFUNCTYPE(ctypes.c_int32, *argument_types)(address)
    return function
