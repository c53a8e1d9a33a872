"""Meta-learning on networks whose parameters carry a leading task dimension T.

from engine.learning.metalearning import algorithms, nets, tasks

network = learning.models.backbones.build({"kind": "mlp", "hidden": [40, 40]}, (1,), seed=0)
net = nets.stacked.StackedNet.of(network)
sinusoids = tasks.streams.Sinusoids(seed=0)
maml = algorithms.maml.Maml(steps=5, lr=0.01)
theta = nets.stacked.theta_of(network) | nets.task_heads.theta_of("learned", 40, 1, 0)
theta = algorithms.base.tracked(theta | maml.start(theta, 0))
maml.meta_gradient(net, theta, sinusoids.batch(range(25)), {}).gradient
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
