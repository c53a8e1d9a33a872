from . import curvature as curvature
from . import fused_mlp as fused_mlp
from . import spaces as spaces
from . import task_optimizers as task_optimizers
from . import unroll as unroll
