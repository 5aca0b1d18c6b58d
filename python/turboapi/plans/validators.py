"""pydantic-core's validators behind what pydantic makes of them where a plugin is installed."""

from __future__ import annotations

from pydantic.plugin._schema_validator import PluggableSchemaValidator
from pydantic_core import SchemaValidator


def core_validator(validator: object) -> SchemaValidator | None:
    """The validator of pydantic-core that does all that `validator` does, if there is one.

    With any plugin of pydantic's installed (logfire has one) every validator is wrapped. The methods of the
    wrapper are those of pydantic-core as long as no plugin listens to it.
    """
    if type(validator) is SchemaValidator:
        return validator
    if type(validator) is not PluggableSchemaValidator:
        return None
    core = validator._schema_validator
    unobserved = (
        type(core) is SchemaValidator
        and validator.validate_python == core.validate_python
        and validator.validate_json == core.validate_json
    )
    return core if unobserved else None
