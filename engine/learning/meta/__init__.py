"""Meta-learning on nets whose parameters carry a leading task dimension T. torch only.

network = learning.nets.build({"kind": "mlp", "hidden": [40, 40]}, (1,), seed=0)
net = learning.meta.stacked.StackedNet.of(network)
tasks = learning.meta.streams.Sinusoids(seed=0)
maml = learning.meta.maml.Maml(steps=5, lr=0.01)
theta = learning.meta.stacked.theta_of(network) | learning.meta.heads.theta_of("learned", 40, 1, 0)
theta = learning.meta.algorithm.tracked(theta | maml.start(theta, 0))
maml.meta_gradient(net, theta, tasks.batch(range(25)), {}).gradient
"""

from engine.learning.meta import (
    algorithm,
    batches,
    closed,
    episodes,
    families,
    fitting,
    fixed,
    heads,
    inner,
    judging,
    layers,
    maml,
    newton,
    plain,
    probed,
    protonet,
    prototypes,
    rehearsal,
    reptile,
    ridge,
    stacked,
    streams,
    tables,
    trainer,
    tuned,
    unroll,
    updates,
)

__all__ = [
    "algorithm", "batches", "closed", "episodes", "families", "fitting", "fixed", "heads", "inner",
    "judging", "layers", "maml", "newton", "plain", "probed", "protonet", "prototypes", "rehearsal",
    "reptile", "ridge", "stacked", "streams", "tables", "trainer", "tuned", "unroll", "updates",
]  # fmt: skip
