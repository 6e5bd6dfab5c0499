"""The state around a tensor: autograd, transformations, modes and traces.

Kernels bypass PyTorch's dispatcher, so autograd, tracing and modes cannot see them. These questions
are asked before a kernel is run.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import torch
from torch._ops import _len_torch_dispatch_stack_pre_dispatch
from torch.autograd import forward_ad

from lossary.backends.direct_form import ARRAY, Text

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
    """Return whether a tensor is plain, with numbers in memory as they are, and all else inactive.

    So it has no tangent.
    """
    if type(x) is not torch.Tensor or _is_observed() or _is_tracing():
        return False
    if not x.is_cpu or x.layout is not _strided:
        return False
    is_memory = not (_wrapped(x) or _legacy_batched(x) or x.is_neg())
    return is_memory and x.data_ptr() != 0  # memory of which all numbers are known to be 0


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


#: That nothing but plain autograd is active, as ``_is_observed`` asks.
_UNOBSERVED = (
    "not (transforms() or modes() > 0 or forward_ad._current_level >= 0"
    " or (function_modes() and has_modes()) or is_tracing())"
)
_UNOBSERVED_NAMES = {
    "transforms": transforms,
    "modes": _modes,
    "forward_ad": forward_ad,
    "function_modes": _function_modes,
    "has_modes": _has_modes,
    "is_tracing": _is_tracing,
    "grad_enabled": _grad_enabled,
}


def like_these(tensors: Mapping[str, torch.Tensor]) -> Text:
    """Return the condition that autograd sees a request's tensors as it does these.

    Nothing else may be active. It is asked before tensors are compared.
    """
    floats = {name: x for name, x in tensors.items() if x.is_floating_point()}
    names = [f"{ARRAY}{name}" for name in floats]  # nothing is followed through integers
    followed = [x.requires_grad and _grad_enabled() for x in floats.values()]
    terms = [_UNOBSERVED, *[f"not {x}.is_neg()" for x in names]]
    flags = {name: f"{name}.requires_grad" for name in names}
    if any(followed):
        terms.append("grad_enabled()")
        pairs = zip(names, followed, strict=True)
        terms += [flags[name] if flag else f"not {flags[name]}" for name, flag in pairs]
    else:
        terms.append(f"not (({' or '.join(flags.values())}) and grad_enabled())")
    return Text(" and ".join(terms), _UNOBSERVED_NAMES)


def autocast_as_now() -> Text:
    """Return the condition that autocast, which widens halves, is as it is now."""
    is_enabled = torch.is_autocast_enabled
    names = {"autocast": is_enabled, "widens": is_enabled("cpu")}
    return Text("autocast('cpu') is widens", names)
