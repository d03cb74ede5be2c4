"""Von Neumann baselines: catalog devices as designs, and the priors of their classes."""
