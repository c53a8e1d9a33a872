"""What the nats of a generative model are of, in words: which of them may be compared."""

GREY = "cross-entropy of grey pixels: not a likelihood, not comparable with published nats"
KINDS = {
    "gaussian": "a density of pixels from 0 to 1: not comparable with nats of binarised images",
    "logistic": "nats of the stored levels: comparable with others of these images, not with nats "
    "of binarised images",
}
WAYS = {
    "dynamic": "drawn anew in training, judged on one fixed draw",
    "threshold": "at one half; not comparable with those of drawn ones",
}


def likelihood(kind: str, binarise: str) -> str:
    """What nats by this likelihood are.

    Args:
        kind: of a value in `engine.library.generative.likelihoods`.
        binarise: see `engine.learning.generative.models.binarize`.
    """
    if kind != "bernoulli":
        return KINDS[kind]
    return GREY if binarise == "none" else f"nats of binarised images, {WAYS[binarise]}"
