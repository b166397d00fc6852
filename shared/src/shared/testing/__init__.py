"""For tests, the demo and the benchmarks: real servers, and a corner of them for each run."""
