from . import activation_maximization as activation_maximization
from . import indexing as indexing
from . import latent_distributions as latent_distributions
from . import latent_walks as latent_walks
