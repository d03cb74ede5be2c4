"""What silicon costs: energy, area, leakage and delay of the parts of a chip by process node, each with its source."""
