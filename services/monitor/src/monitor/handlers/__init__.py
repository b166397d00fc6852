"""The use cases, one function each; whoever calls them has opened the transaction and commits it."""
