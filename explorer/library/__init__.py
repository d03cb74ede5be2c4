"""The library: the saved designs of a folder, beside the examples, to look through, tidy up and open."""
