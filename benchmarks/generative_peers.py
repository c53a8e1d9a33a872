"""Training the same VAE by other libraries, each as its own documentation does it.

Whatever is not installed is left out and told.
"""

import contextlib
import importlib.metadata
import importlib.util
import io
import logging
import tempfile
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.generative_ways import BATCH, LR, SHAPE, Plain, Problem, Way, Z
from engine.learning.data import device_data

BETAS, TINY = (0.9, 0.999), 1e-8
"""Of Adam, as torch has them."""
OUTPUTS = "pythae.models.base.base_utils"


class Pythae:
    """`BaseTrainer.train_step`, pythae's own loop over its own DataLoader, with given nets.

    Not `train`, which would also copy the best model and write logs.
    """

    def __init__(self, problem: Problem, library: Any) -> None:
        del library
        models, trainers, datasets = map(
            importlib.import_module, ("pythae.models", "pythae.trainers", "pythae.data.datasets")
        )
        logging.disable(logging.INFO)
        config = models.VAEConfig(input_dim=SHAPE, latent_dim=Z, reconstruction_loss="bce")
        self._folder = tempfile.TemporaryDirectory()
        self._trainer = trainers.BaseTrainer(
            model=models.VAE(config, *_nets(Plain(problem.pair()))),
            train_dataset=datasets.BaseDataset(problem.greys, torch.zeros(len(problem.images))),
            training_config=trainers.BaseTrainerConfig(
                output_dir=self._folder.name,
                num_epochs=1,
                per_device_train_batch_size=BATCH,
                learning_rate=LR,
                no_cuda=True,
            ),
        )
        self._trainer.prepare_training()
        self._epoch = 0

    def epoch(self) -> float:
        """See `generative_ways.Way`."""
        self._epoch += 1
        with contextlib.redirect_stderr(io.StringIO()):  # its progress bar
            return float(self._trainer.train_step(self._epoch))


def _nets(plain: Plain) -> tuple[Any, Any]:
    """The given nets as pythae's encoder and decoder."""
    base, networks = map(importlib.import_module, (OUTPUTS, "pythae.models.nn"))

    class Encoder(networks.BaseEncoder):  # type: ignore[misc]
        """The given encoder."""

        def __init__(self) -> None:
            super().__init__()
            self.plain = nn.ModuleList([plain.encoder, plain.mean, plain.spread])

        def forward(self, x: Tensor) -> Any:
            mean, log_variance = plain.encode(x)
            return base.ModelOutput(embedding=mean, log_covariance=log_variance)

    class Decoder(networks.BaseDecoder):  # type: ignore[misc]
        """The given decoder; pythae's cross-entropy takes probabilities."""

        def __init__(self) -> None:
            super().__init__()
            self.plain = plain.decoder

        def forward(self, z: Tensor) -> Any:
            return base.ModelOutput(reconstruction=self.plain(z).sigmoid())

    return Encoder(), Decoder()


class Jax:
    """`jit` of `lax.scan` over the batches of an epoch: one call, resident images.

    Convolutions take XLA 1.5 s a step inside a scan on a CPU and a tenth of that outside, so a net
    that has them is trained by a `jit` of a step.
    """

    def __init__(self, problem: Problem, library: Any) -> None:
        self._jax, self._np = library, library.numpy
        pair = problem.pair()
        coder = pair.coder
        self._conv, self._batches = problem.net["kind"] == "conv", problem.batches
        weights = {name: self._array(item.detach()) for name, item in coder.state_dict().items()}
        zeros = [{name: item * 0 for name, item in weights.items()} for _ in range(2)]
        self._state = (weights, *zeros, self._np.zeros(()))
        self._images = self._array(problem.greys)
        self._key = library.random.key(0)
        self._drawn = library.jit(self._draws)
        self._one = library.jit(self._step, donate_argnums=0)
        whole = library.jit(self._scan, donate_argnums=0)
        self._epoch = self._each if self._conv else whole

    def _array(self, x: Tensor) -> Any:
        return self._np.array(x.numpy())

    def epoch(self) -> float:
        """See `generative_ways.Way`."""
        self._key, key = self._jax.random.split(self._key)
        self._state, losses = self._epoch(self._state, self._drawn(key), self._images)
        return float(losses.mean())

    def replay(self, batches: Sequence[tuple[Tensor, Tensor]]) -> list[float]:
        """See `generative_ways.Replayed`: batches of images that are laid one after another."""
        images, noise = (self._array(torch.stack(part)) for part in zip(*batches, strict=True))
        places = self._np.arange(len(batches) * BATCH).reshape(-1, BATCH)
        flat = images.reshape(-1, *SHAPE)
        self._state, losses = self._epoch(self._state, (places, noise), flat)
        return [float(loss) for loss in losses]

    def _draws(self, key: Any) -> Any:
        """A random order of the images, and noise."""
        order, noise = self._jax.random.split(key)
        index = self._jax.random.permutation(order, self._batches * BATCH)
        draws = self._jax.random.normal(noise, (self._batches, BATCH, Z))
        return index.reshape(self._batches, BATCH), draws

    def _scan(self, state: Any, given: Any, images: Any) -> Any:
        def step(state: Any, given: Any) -> Any:
            return self._step(state, given, images)

        return self._jax.lax.scan(step, state, given)

    def _each(self, state: Any, given: Any, images: Any) -> Any:
        losses = []
        for one in zip(*given, strict=True):
            state, loss = self._one(state, one, images)
            losses.append(loss)
        return state, self._np.stack(losses)

    def _step(self, state: Any, given: Any, images: Any) -> Any:
        """One step of Adam, given the places of images and noise."""
        weights, first, second, count = state
        places, noise = given
        loss, slope = self._jax.value_and_grad(self._loss)(weights, images[places], noise)
        count = count + 1
        each = self._jax.tree.map
        first = each(lambda m, g: BETAS[0] * m + (1 - BETAS[0]) * g, first, slope)
        second = each(lambda v, g: BETAS[1] * v + (1 - BETAS[1]) * g * g, second, slope)
        by, root = LR / (1 - BETAS[0] ** count), (1 - BETAS[1] ** count) ** 0.5
        weights = each(
            lambda w, m, v: w - by * m / (self._np.sqrt(v) / root + TINY), weights, first, second
        )
        return (weights, first, second, count), loss

    def _loss(self, w: Any, x: Any, noise: Any) -> Any:
        np, nn = self._np, self._jax.nn
        scaling = device_data.SCALINGS["mnist"]
        scaled = (x - scaling.mean) / scaling.std
        h = self._trunk(w, scaled)
        mean = h @ w["mean.weight"].T + w["mean.bias"]
        log_variance = h @ w["spread.weight"].T + w["spread.bias"]
        logits = self._decoder(w, mean + np.exp(log_variance / 2) * noise).reshape(x.shape)
        # Cross-entropy from logits, as optax and torch have it.
        error = np.sum(nn.relu(logits) - logits * x + np.log1p(np.exp(-np.abs(logits))))
        kl = -0.5 * np.sum(1 + log_variance - mean**2 - np.exp(log_variance))
        return (error + kl) / len(x)

    def _dense(self, w: Any, name: str, x: Any) -> Any:
        return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    def _trunk(self, w: Any, x: Any) -> Any:
        relu = self._jax.nn.relu
        if not self._conv:
            return relu(self._dense(w, "trunk.1", x.reshape(len(x), -1)))
        x = relu(self._halved(w, "trunk.0", x))
        x = relu(self._halved(w, "trunk.2", x))
        return relu(self._dense(w, "trunk.5", x.reshape(len(x), -1)))

    def _decoder(self, w: Any, z: Any) -> Any:
        relu = self._jax.nn.relu
        x = relu(self._dense(w, "decoder.0", z))
        if not self._conv:
            return self._dense(w, "decoder.2", x)
        x = relu(self._dense(w, "decoder.2", x))
        maps = w["decoder.5.weight"].shape[0]
        x = x.reshape(len(x), maps, SHAPE[1] // 4, SHAPE[2] // 4)
        x = relu(self._doubled(w, "decoder.5", x))
        return self._doubled(w, "decoder.7", x)

    def _halved(self, w: Any, name: str, x: Any) -> Any:
        """As torch's Conv2d(4, stride=2, padding=1)."""
        done = self._jax.lax.conv_general_dilated(
            x, w[f"{name}.weight"], (2, 2), ((1, 1), (1, 1)),
            dimension_numbers=("NCHW", "OIHW", "NCHW"),
        )  # fmt: skip
        return done + w[f"{name}.bias"][:, None, None]

    def _doubled(self, w: Any, name: str, x: Any) -> Any:
        """As torch's ConvTranspose2d(4, stride=2, padding=1)."""
        kernel = w[f"{name}.weight"][:, :, ::-1, ::-1]
        done = self._jax.lax.conv_general_dilated(
            x, kernel, (1, 1), ((2, 2), (2, 2)), lhs_dilation=(2, 2),
            dimension_numbers=("NCHW", "IOHW", "NCHW"),
        )  # fmt: skip
        return done + w[f"{name}.bias"][:, None, None]


PEERS: dict[str, Callable[[Problem, Any], Way]] = {"pythae": Pythae, "jax": Jax}


def installed() -> dict[str, str]:
    """Version of each, or that it is not installed."""
    return {
        name: importlib.metadata.version(name)
        if importlib.util.find_spec(name)
        else "not installed"
        for name in PEERS
    }


def begun(name: str, problem: Problem) -> Way:
    """An installed one, before its first epoch."""
    return PEERS[name](problem, importlib.import_module(name))
