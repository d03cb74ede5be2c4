"""What runs: LLM architectures, the serving scenario and the operators they make."""
