"""Tests of `turboapi.testclient`."""
