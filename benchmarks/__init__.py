"""What docs/benchmarks.md quotes; each benchmark compares with a peer in the same run."""
