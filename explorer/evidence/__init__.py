"""How do you know? What devices' times rest on, and how far predictions are from measured kernels."""
