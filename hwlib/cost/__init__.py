"""The cost model: pure functions over arrays with a leading design axis."""
