"""Which part does what: routes, tiling, placement and the ways to run an operator."""
