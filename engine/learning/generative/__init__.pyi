from . import judging as judging
from . import models as models
from . import sampling as sampling
from . import training as training
