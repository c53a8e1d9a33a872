from . import double_backward as double_backward
from . import layers as layers
from . import stacked as stacked
from . import task_heads as task_heads
