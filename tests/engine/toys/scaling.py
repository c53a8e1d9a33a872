"""A helper beside the toys."""


def scaled(value: float, times: float) -> float:
    """The product."""
    return value * times
