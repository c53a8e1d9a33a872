"""Random draws from a generator: which distribution its codes come from."""

from abc import abstractmethod
from typing import Annotated, Literal

from pydantic import Field, PositiveInt

from engine import learning
from engine.library.generative import image_grids
from engine.library.generative.generator_session import Scene
from engine.library.generative.sampler import Made, Part, Way, decoded
from pipelines.core.errors import StageError


class Draw(Way):
    """Codes at random from a distribution."""

    @abstractmethod
    def latent(self, scene: Scene) -> "learning.generative.sampling.latent_distributions.Latent":
        """The distribution."""

    @property
    def counted(self) -> bool:
        """See `Way`."""
        return True

    @property
    def words(self) -> str:
        """The distribution in words."""
        return self.kind

    @property
    def sentence(self) -> str:
        """The same, as the end of a sentence."""
        return self.words

    def make(self, scene: Scene) -> Made:
        """See `Way`."""
        latent = self.latent(scene)
        y = scene.asked(scene.count)
        pixels = decoded(scene, latent.draw(scene.count, scene.seed), y)
        shown = image_grids.samples(scene, pixels, self.words, self.sentence)
        notes = [] if latent.settled else ["the mixture had not settled when its rounds were over"]
        return Made(pixels, y, self.words, (shown,), (*notes, *self.notes(scene)))

    def notes(self, scene: Scene) -> tuple[str, ...]:
        """What a reader must know."""
        del scene
        return ()


class Prior(Draw):
    """N(0, I): what a VAE's codes are trained to look like, and an autoencoder's never were."""

    kind: Literal["prior"] = "prior"

    def latent(self, scene: Scene) -> "learning.generative.sampling.latent_distributions.Latent":
        """See `Draw`."""
        return learning.generative.sampling.latent_distributions.prior(scene.generator.z)

    @property
    def sentence(self) -> str:
        """See `Draw`."""
        return "the prior N(0, I)"

    def notes(self, scene: Scene) -> tuple[str, ...]:
        """See `Draw`."""
        if not scene.points:
            return ()
        told = "an autoencoder's codes have no prior: N(0, I) is drawn from all the same"
        if scene.task is None or "train" not in scene.task.parts:
            return (told,)
        found = scene.codes()
        low, high = (float(f) for f in found.std(0, correction=0).aminmax())
        return (f"{told}; theirs have spreads of {low:.2g} to {high:.2g} a dimension, not 1",)


class Fitted(Draw):
    """From a distribution that is fitted to training codes."""

    def part(self, *, points: bool) -> Part:
        """See `Way`."""
        del points
        return "train"


class Matched(Fitted):
    """Independent Gaussians with the mean and the spread of each dimension of training codes."""

    kind: Literal["matched"] = "matched"

    def latent(self, scene: Scene) -> "learning.generative.sampling.latent_distributions.Latent":
        """See `Draw`."""
        return learning.generative.sampling.latent_distributions.matched(scene.codes())

    @property
    def sentence(self) -> str:
        """See `Draw`."""
        return "independent Gaussians with mean and spread of each dimension of training codes"


class Covariance(Fitted):
    """One Gaussian with the mean and the covariance of training codes."""

    kind: Literal["covariance"] = "covariance"

    def latent(self, scene: Scene) -> "learning.generative.sampling.latent_distributions.Latent":
        """See `Draw`."""
        return learning.generative.sampling.latent_distributions.covariance(scene.codes())

    @property
    def sentence(self) -> str:
        """See `Draw`."""
        return "one Gaussian with the mean and the covariance of training codes"


class Mixture(Fitted):
    """Several Gaussians with full covariances, fitted to training codes."""

    kind: Literal["mixture"] = "mixture"
    components: Annotated[PositiveInt, Field(le=100)] = 10
    """Number of Gaussians."""

    def latent(self, scene: Scene) -> "learning.generative.sampling.latent_distributions.Latent":
        """See `Draw`."""
        try:
            return learning.generative.sampling.latent_distributions.mixture(
                scene.codes(), self.components, scene.seed + 3
            )
        except ValueError as error:
            raise StageError(f"{error}; take fewer `components`") from error

    @property
    def words(self) -> str:
        """See `Draw`."""
        return f"mixture of {self.components}"

    @property
    def sentence(self) -> str:
        """See `Draw`."""
        return f"a mixture of {self.components} Gaussians fitted to training codes"
