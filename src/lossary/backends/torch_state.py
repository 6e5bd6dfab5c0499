"""The state around a tensor: autograd, transformations, modes and traces.

Kernels bypass PyTorch's dispatcher, so autograd, tracing and modes cannot see them. These questions
are asked before a kernel is run.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import torch
from torch._ops import _len_torch_dispatch_stack_pre_dispatch
from torch.autograd import forward_ad

from lossary.backends.host_call import array_getter
from lossary.definition.request import Request

_wrapped = torch._C._functorch.is_functorch_wrapped_tensor
_tracks_gradient = torch._C._functorch.is_gradtrackingtensor
_unwrapped = torch._C._functorch.get_unwrapped
_legacy_batched = torch._C._functorch.is_legacy_batchedtensor
_modes = torch._C._len_torch_dispatch_stack
_function_modes = torch._C._is_torch_function_mode_enabled
_grad_enabled = torch._C.is_grad_enabled
_is_tracing, _is_compiling = torch._C._is_tracing, torch.compiler.is_compiling
_strided = torch.strided
HALF = (torch.float16, torch.bfloat16)
FULL = frozenset({torch.float32, torch.float64})

transforms = torch._C._are_functorch_transforms_active
#: The types of ordinary tensors.
PLAIN = (torch.Tensor, torch.nn.Parameter)


def is_traced() -> bool:
    """Return whether operations are recorded: by a compiler, a mode of dispatch, TorchScript."""
    return _is_compiling() or _has_modes() or _is_tracing()


def _has_modes() -> bool:
    """Return whether a mode of dispatch sees operations, be it before autograd or after it."""
    return _modes() > 0 or (_function_modes() and _len_torch_dispatch_stack_pre_dispatch() > 0)


def is_plain(x: torch.Tensor) -> bool:
    """Return whether a tensor is an ordinary one in host memory."""
    return (
        type(x) in PLAIN and x.is_cpu and not (_wrapped(x) or _legacy_batched(x) or _has_tangent(x))
    )


def is_host_memory(x: torch.Tensor) -> bool:
    """Return whether a tensor, of a subclass too, holds its values in host memory."""
    dispatches = type(x).__torch_dispatch__ is not torch.Tensor.__torch_dispatch__
    return x.is_cpu and not (dispatches or _wrapped(x) or _legacy_batched(x))


def is_distributed(x: Any) -> bool:
    """Return whether this is a tensor that lies in parts on several devices."""
    module = sys.modules.get("torch.distributed.tensor")
    return module is not None and isinstance(x, module.DTensor)


def has_values(x: torch.Tensor) -> bool:
    """Return whether a tensor has values: not one that a batch stands for."""
    while _tracks_gradient(x):
        x = _unwrapped(x)
    return not (_wrapped(x) or _legacy_batched(x))


def _has_tangent(x: torch.Tensor) -> bool:
    """Return whether forward-mode differentiation follows a tensor."""
    return (
        forward_ad._current_level >= 0
        and torch._C._is_fwd_grad_enabled()
        and forward_ad.unpack_dual(x).tangent is not None
    )


def needs_gradient(x: Any) -> bool:
    """Return whether a derivative with respect to an argument may be asked for."""
    return isinstance(x, torch.Tensor) and (
        _wrapped(x) or (x.requires_grad and _grad_enabled()) or _has_tangent(x)
    )


def _is_observed() -> bool:
    """Return whether anything but plain autograd is active; every call asks, so it is cheap."""
    return (
        transforms()
        or _modes() > 0
        or forward_ad._current_level >= 0
        or (_function_modes() and _has_modes())
    )


def is_unobserved(x: torch.Tensor) -> bool:
    """Return whether a tensor is plain and nothing else is active."""
    return not _is_observed() and is_plain(x) and not (_is_tracing() or _is_compiling())


def wide(tensor: torch.Tensor) -> torch.dtype:
    """Return the widest dtype of a tensor's device, in which sums are kept."""
    return torch.float32 if tensor.device.type == "mps" else torch.float64


def is_autocast(dtype: torch.dtype, device: torch.device) -> bool:
    """Return whether ``torch.autocast`` widens a loss of this dtype on a device."""
    if dtype not in HALF or not torch.amp.is_autocast_available(device.type):
        return False
    return torch.is_autocast_enabled(device.type)


def describe(x: torch.Tensor) -> tuple[Any, ...]:
    """Describe a tensor for the key of a call; there is none in a transformation or a trace."""
    if _is_observed() or x.layout is not _strided or x.is_neg():
        raise KeyError(type(x))
    dtype: Any = x.dtype
    if dtype not in FULL:
        # Halves are computed in float32 under autocast, integers in the default dtype; both may
        # change between calls.
        half = dtype in HALF
        dtype = (dtype, is_autocast(dtype, x.device) if half else torch.get_default_dtype())
    return (
        dtype,
        x.shape,
        x.is_contiguous() or x.stride(),
        x.is_cpu or x.device,
        x.requires_grad and _grad_enabled(),
    )


def guard(request: Request) -> Callable[[Request], bool]:
    """Return a function that tells whether autograd sees a request's tensors as it does these.

    It also checks that no transformation or mode is active, and runs before tensors are compared.
    """
    names = [name for name, x in request.named_arrays() if isinstance(x, torch.Tensor)]
    arrays = array_getter(request.loss, names)
    expected = [(type(x), x.requires_grad and _grad_enabled()) for x in arrays(request)]

    def is_alike(request: Request) -> bool:
        if _is_observed() or _is_tracing():
            return False
        enabled = _grad_enabled()
        for index, x in enumerate(arrays(request)):  # zip(strict=True) takes 0.25 us longer
            kind, followed = expected[index]
            if type(x) is not kind or x.is_neg() or (x.requires_grad and enabled) is not followed:
                return False
        return True

    return is_alike


def autocast_guard() -> Callable[[Request], bool]:
    """Return a function that tells whether autocast, which widens halves, is as it is now."""
    is_enabled = torch.is_autocast_enabled
    expected = is_enabled("cpu")
    return lambda _: is_enabled("cpu") is expected
