"""What `turboapi explain` does once the app is loaded."""

from __future__ import annotations

import asyncio
import json

import click
from fastapi import FastAPI

from turboapi.config import app_layers
from turboapi.errors import ConfigError
from turboapi.middleware.layers import combined
from turboapi.plans.explain import explain as explain_app
from turboapi.plans.explain_text import explanation_text
from turboapi.plans.selfcheck import check_once
from turboapi.sync import SyncMode


def explain(name: str, app: object, sync_mode: SyncMode, *, as_json: bool, verbose: bool) -> int:
    """Print the explanation of `app`, which is called `name`; returns the exit code."""
    if not isinstance(app, FastAPI):
        kind = type(app).__qualname__
        raise click.ClickException(
            f"{name} is a {kind}, not a FastAPI application, which alone has route plans. "
            "If it wraps one, name the inner application."
        )
    try:
        layers = [layer.label() for layer in combined(app_layers(app))]
    except ConfigError as error:
        raise click.ClickException(str(error)) from None
    asyncio.run(check_once())
    explanation = explain_app(app, sync_mode)
    if as_json:
        click.echo(json.dumps({**explanation, "engine_layers": layers}, indent=2))
    else:
        click.echo(explanation_text(explanation, verbose=verbose))
        if layers:
            click.echo(f"engine layers: {' > '.join(layers)}; every request goes through them first")
    return 0 if explanation["plans"] == "on" else 1
