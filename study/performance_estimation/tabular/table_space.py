"""The space of a tabulated benchmark: networks of this project, or points with other names.

A table can describe networks of another project. Their parameters, for example ``layer1``, are not
fields of a candidate here. Every parameter has countable values, because each point has a row.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from study.common.errors import SearchSpaceError
from study.search_space.candidate import (
    OCTMNIST,
    Candidate,
    CandidateField,
    ImageFormat,
    Values,
    ValuesKey,
    values_key,
)
from study.search_space.parameter import grid_values
from study.search_space.reading.build import STAGES, VALUE_FIELDS, read_parameters
from study.search_space.reading.loading import space_from_text
from study.search_space.reading.models import SpaceFile
from study.search_space.reading.parsing import parse
from study.search_space.reading.yaml_document import YamlDocument, read_document
from study.search_space.space import SearchSpace

KEYS = ("name", "description", "parameters")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row(Candidate):
    """A point that is not a network of this project, in the role of a candidate."""

    point: ValuesKey = ()


@dataclass(frozen=True, kw_only=True)
class OwnSpace(SearchSpace):
    """A space whose points only have a row in a table."""

    def candidate(self, values: Values) -> Row:
        return Row(point=values_key(values))


def table_space_from_text(text: str, *, source: str, image: ImageFormat = OCTMNIST) -> SearchSpace:
    """Return the space that the YAML beside a table describes.

    Where every name is a field of a candidate and every value is allowed for it, it is a space of
    networks and may also fix fields. Otherwise it is an ``OwnSpace``.

    Args:
        source: Name of the text in messages.

    Raises:
        SearchSpaceError: Carries every problem found.
    """
    document = read_document(text, source)
    if not all(name in VALUE_FIELDS or name == STAGES for name in _declared(document)):
        return _own_space(document)
    try:
        return space_from_text(text, source=source, image=image)
    except SearchSpaceError:
        try:
            return _own_space(read_document(text, source))
        except SearchSpaceError:
            pass  # report the problems of the space of networks
        raise


def _declared(document: YamlDocument) -> dict[str, Any]:
    declared = document.at(("parameters",))
    return declared if isinstance(declared, dict) else {}


def _own_space(document: YamlDocument) -> OwnSpace:
    form = parse(document, SpaceFile, (), keys=KEYS)
    field = CandidateField(kind="any", default=0, help="a value of the table")
    fields = dict.fromkeys(_declared(document), field)
    parameters, fixed = read_parameters(document, fields, staged=False)
    for key in (key for key in document.data if key not in KEYS):
        document.report_unknown_key((key,), KEYS)
    for name in fixed:
        message = "a table has no fixed values; leave it out"
        document.report(("parameters", name), message)
    for parameter in parameters:
        if grid_values(parameter) is None:
            message = "has no countable values; give it 'step', or choices"
            document.report(("parameters", parameter.name), message)
    document.raise_problems()
    assert form is not None
    return OwnSpace(
        name=form.name or Path(document.source).stem,
        description=form.description,
        parameters=parameters,
    )
