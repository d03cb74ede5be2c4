"""The model library: what a chip costs and how fast it runs an LLM, without any window."""
