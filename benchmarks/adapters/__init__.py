"""Rows of the adapters, one file each; `benchmarks.bench_adapters` collects them."""
