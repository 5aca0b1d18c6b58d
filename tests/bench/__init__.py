"""The comparison in ``benchmarks/compare``: its arithmetic, its pages, and what its applications answer."""
