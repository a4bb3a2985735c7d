"""The sealed journal, built once for all tests of a module; each test attacks a copy of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.infra import embedded
from tests.conftest import fresh_database
from tests.proof.sealed import Sealed, built


@dataclass(frozen=True)
class Template:
    """The database, by name, and what is known of it."""

    name: str
    sealed: Sealed


@pytest.fixture(scope="module")
def sealed_template(
    postgres: embedded.Server, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Template]:
    folder: Path = tmp_path_factory.mktemp("checkpoints")
    with fresh_database(postgres, template) as url:
        name = url.partition("?")[0].rpartition("/")[2]
        yield Template(name, built(url, folder))


@pytest.fixture
def sealed(sealed_template: Template) -> Sealed:
    return sealed_template.sealed


@pytest.fixture
def sealed_url(postgres: embedded.Server, sealed_template: Template) -> Iterator[str]:
    with fresh_database(postgres, sealed_template.name) as url:
        yield url
