"""Your written answers and hyperparameters: one file a part."""
