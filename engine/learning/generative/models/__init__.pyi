from . import autoencoder as autoencoder
from . import binarize as binarize
from . import convolutions as convolutions
from . import fused_terms as fused_terms
from . import generator as generator
from . import likelihoods as likelihoods
