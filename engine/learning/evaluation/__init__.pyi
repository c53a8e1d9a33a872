from . import clusters as clusters
from . import metrics as metrics
from . import statistics as statistics
