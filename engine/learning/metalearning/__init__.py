"""Meta-learning on nets whose parameters carry a leading task dimension T. torch only.

network = learning.models.backbones.build({"kind": "mlp", "hidden": [40, 40]}, (1,), seed=0)
net = learning.metalearning.nets.stacked.StackedNet.of(network)
tasks = learning.metalearning.tasks.streams.Sinusoids(seed=0)
maml = learning.metalearning.algorithms.maml.Maml(steps=5, lr=0.01)
theta = learning.metalearning.nets.stacked.theta_of(network) | learning.metalearning.nets.task_heads.theta_of("learned", 40, 1, 0)
theta = learning.metalearning.algorithms.base.tracked(theta | maml.start(theta, 0))
maml.meta_gradient(net, theta, tasks.batch(range(25)), {}).gradient
"""

from engine.learning.metalearning.algorithms import (
    base,
    closed_form,
    finetuned,
    fixed_features,
    maml,
    nearest_prototype,
    newton,
    protonet,
    reptile,
    ridge,
    ridge_probe,
)
from engine.learning.metalearning.inner import spaces, task_optimizers, unroll
from engine.learning.metalearning.loop import evaluation, function_fits, looped, replay, trainer
from engine.learning.metalearning.nets import layers, stacked, task_heads
from engine.learning.metalearning.tasks import batches, episodes, factory, streams, tables

__all__ = [
    "algorithm", "batches", "closed", "episodes", "families", "fitting", "fixed", "heads", "inner",
    "judging", "layers", "maml", "newton", "plain", "probed", "protonet", "prototypes", "rehearsal",
    "reptile", "ridge", "stacked", "streams", "tables", "trainer", "tuned", "unroll", "updates",
]  # fmt: skip
