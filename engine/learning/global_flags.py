"""The global switches of torch and numpy that change what the same code computes.

Read by who runs several computations in one process, to see that one left them as it found them.
The number of threads and the random states are not among them: both are set before each one.
"""

from collections.abc import Callable, Mapping
from functools import partial
from operator import attrgetter
from typing import Any

import numpy as np
import torch

_CALLED: Mapping[str, Callable[[], Any]] = {
    "numpy's error handling": np.geterr,
    "numpy's print options": np.get_printoptions,
    "torch's default dtype": torch.get_default_dtype,
    "torch's default device": torch.get_default_device,
    "torch's inter-op threads": torch.get_num_interop_threads,
    "torch's deterministic algorithms": torch.are_deterministic_algorithms_enabled,
    "torch's warnings of deterministic algorithms": (
        torch.is_deterministic_algorithms_warn_only_enabled
    ),
    "torch's precision of matmul": torch.get_float32_matmul_precision,
    "torch's grad mode": torch.is_grad_enabled,
    "torch's inference mode": torch.is_inference_mode_enabled,
    "torch's anomaly mode": torch.is_anomaly_enabled,
    "torch's autocast on the CPU": lambda: torch.is_autocast_enabled("cpu"),
    "torch's autocast on CUDA": lambda: torch.is_autocast_enabled("cuda"),
    "torch's autocast dtype on the CPU": lambda: torch.get_autocast_dtype("cpu"),
    "torch's autocast dtype on CUDA": lambda: torch.get_autocast_dtype("cuda"),
    "torch's autocast cache": torch.is_autocast_cache_enabled,
    "torch's linear algebra on CUDA": torch.backends.cuda.preferred_linalg_library,
    "torch's sharing of memory": torch.multiprocessing.get_sharing_strategy,
    "torch's flushing of denormal numbers": lambda: _flushes(),  # noqa: PLW0108 (is below)
}
_HELD = (
    "utils.deterministic.fill_uninitialized_memory", "backends.mkldnn.enabled",
    "backends.mkldnn.deterministic", "backends.mkldnn.matmul.fp32_precision",
    "backends.mkldnn.conv.fp32_precision", "backends.mkldnn.rnn.fp32_precision",
    "backends.cudnn.enabled", "backends.cudnn.benchmark", "backends.cudnn.deterministic",
    "backends.cudnn.benchmark_limit", "backends.cudnn.conv.fp32_precision",
    "backends.cudnn.rnn.fp32_precision", "backends.cuda.matmul.fp32_precision",
    "backends.cuda.matmul.allow_fp16_reduced_precision_reduction",
    "backends.cuda.matmul.allow_bf16_reduced_precision_reduction",
    "backends.cuda.matmul.allow_fp16_accumulation", "backends.opt_einsum.enabled",
    "backends.opt_einsum.strategy",
)  # fmt: skip
"""Below `torch`."""
_ASKED = (
    "backends.cuda.flash_sdp_enabled", "backends.cuda.mem_efficient_sdp_enabled",
    "backends.cuda.math_sdp_enabled", "backends.cuda.cudnn_sdp_enabled",
)  # fmt: skip
"""Below `torch`, to be called."""
_SMALLEST_NORMAL = 2.2250738585072014e-308


def read() -> dict[str, str]:
    """What each switch says now, as text; one that this version of torch lacks says so."""
    return {
        **{name: _told(ask) for name, ask in _CALLED.items()},
        **{f"torch.{name}": _told(partial(attrgetter(name), torch)) for name in _HELD},
        **{f"torch.{name}": _told(partial(_called, name)) for name in _ASKED},
    }


def _called(name: str) -> Any:
    return attrgetter(name)(torch)()


def _told(ask: Callable[[], Any]) -> str:
    try:
        return str(ask())
    except (AttributeError, RuntimeError) as error:
        return f"{type(error).__name__}: {error}"


def _flushes() -> bool:
    """Whether numbers below the smallest normal one become 0: torch can be told, but not asked."""
    return float(torch.tensor(_SMALLEST_NORMAL, dtype=torch.float64) / 2) == 0.0
