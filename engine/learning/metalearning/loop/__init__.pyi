from . import evaluation as evaluation
from . import function_fits as function_fits
from . import looped as looped
from . import replay as replay
from . import trainer as trainer
