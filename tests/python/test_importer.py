"""Import strings, and the errors that say what to do about them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from turboapi.importer import ImportFromStringError, import_from_string


@pytest.fixture(autouse=True)
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An importable module `imported_app`, and a broken one."""
    (tmp_path / "imported_app.py").write_text(
        "from fastapi import FastAPI\napp = FastAPI()\nservice = FastAPI()\nclass Outer:\n    inner = app\n"
    )
    (tmp_path / "needs_missing.py").write_text("import a_module_that_is_missing\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("imported_app", "needs_missing"):
        sys.modules.pop(name, None)


def test_an_attribute_path_is_followed() -> None:
    module = sys.modules.get("imported_app")
    assert import_from_string("imported_app:Outer.inner") is import_from_string("imported_app:app")
    assert module is None


def test_an_object_is_returned_as_it_is() -> None:
    app = object()
    assert import_from_string(app) is app


@pytest.mark.parametrize(
    ("target", "hint"),
    [
        ("", 'must be in format "<module>:<attribute>", for example "main:app"'),
        ("main", 'must be in format "<module>:<attribute>". Try "main:app".'),
        ("app/main.py", 'Try "app.main:app".'),
        (":app", 'for example "main:app"'),
        ("main:", 'Try "main:app".'),
        ("app/main.py:app", 'Modules are named with dots and without ".py". Try "app.main".'),
        ("no_such_module:app", "--app-dir"),
        ("no_such_package.main:app", 'There is no module "no_such_package".'),
        ("imported_app:ap", 'Did you mean "app"?'),
        ("imported_app:Outer.iner", 'Did you mean "inner"?'),
        ("imported_app:create", "It has 'app', 'service': try \"imported_app:app\"."),
    ],
)
def test_a_wrong_string_says_what_to_try(target: str, hint: str) -> None:
    with pytest.raises(ImportFromStringError) as caught:
        import_from_string(target)
    assert hint in str(caught.value)


def test_a_missing_dependency_of_the_module_is_not_hidden() -> None:
    with pytest.raises(ModuleNotFoundError, match="a_module_that_is_missing"):
        import_from_string("needs_missing:app")
