from . import iwae_bound as iwae_bound
from . import objective as objective
from . import snapshots as snapshots
from . import trainer as trainer
from . import validation as validation
