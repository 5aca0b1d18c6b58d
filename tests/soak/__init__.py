"""Long runs under load and abuse: `python -m tests.soak`."""
