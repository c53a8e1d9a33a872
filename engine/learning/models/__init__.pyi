from . import backbones as backbones
from . import cholesky as cholesky
from . import features as features
from . import layers as layers
from . import linear_heads as linear_heads
from . import logistic as logistic
