"""Servers, the raw client, transcripts and their comparison."""
