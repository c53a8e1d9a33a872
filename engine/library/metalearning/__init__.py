"""The parts of `meta_train` and `meta_evaluate`."""
