"""What every test shares: a heap that holds nothing of the tests before it."""

import gc

import pytest


@pytest.fixture(scope="module", autouse=True)
def heap_of_its_own() -> None:
    """The collector passes over what earlier modules left behind.

    Some six thousand tests leave millions of objects (modules, compiled patterns, caches). One full
    collection over them takes about a second, and would be counted as the time of whichever test it
    happens to fall into.
    """
    gc.collect()
    gc.freeze()
