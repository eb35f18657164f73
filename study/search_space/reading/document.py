"""YAML text → a tree of entries that know their line: the only place that touches PyYAML.

Only plain YAML is read: one document, scalars, lists and mappings with text keys. What could
surprise is refused instead of guessed (octal and sexagesimal numbers, dates, tags, anchors,
duplicate keys), and nothing is ever constructed from a tag.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import yaml

from study.search_space.candidate import Value
from study.search_space.reading.problems import Problems, did_you_mean, listed, quoted

DEEPEST = 16
MOST_NODES = 20_000
_DECIMAL = re.compile(r"[-+]?(0|[1-9][0-9_]{0,29})")
_LONG = re.compile(r"[-+]?[1-9][0-9_]*")
_TAG = "tag:yaml.org,2002:"
_BOOLS = {"yes": True, "true": True, "on": True, "no": False, "false": False, "off": False}


class _Broken:
    """Stands for a value whose problem has been noted, so that nothing is said twice."""


BROKEN = _Broken()


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A value of the file, and where it stands.

    Args:
        key: Path of the key, as ``dropout.choices[2]``.
        line: Line from 1; of the key where there is one.
        value: A scalar, a tuple of entries, a mapping of entries, or ``BROKEN``.
        text: A scalar as it is written.
    """

    key: str
    line: int
    value: Value | tuple[Entry, ...] | Mapping[str, Entry] | _Broken | None
    text: str = ""

    def described(self) -> str:
        """Return what was found, for a message."""
        match self.value:
            case None:
                return "nothing"
            case bool() if self.text.lower() not in ("true", "false"):
                return f"{self.text}, which YAML reads as {self.value}"
            case str():
                return f"the text {quoted(self.value)}"
            case tuple():
                return "a list"
            case Mapping():
                return "a mapping"
            case _:
                return self.text


def read_document(text: str, problems: Problems) -> Entry:
    """Return the tree of a YAML text; problems of form are noted.

    Raises:
        SearchSpaceError: The text is not YAML.
    """
    node = _compose(text, problems)
    problems.raise_any()
    if node is None:
        problems.add(0, "", "the file is empty; write at least 'parameters:' with one parameter")
        problems.raise_any()
        raise AssertionError
    return _entry(node, "", node.start_mark.line + 1, problems)


class _Loader(yaml.SafeLoader):
    """Composes nodes; refuses aliases, deep nesting and very many values while it does."""

    problems: Problems
    depth = 0
    nodes = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        line = event.start_mark.line + 1
        if getattr(event, "anchor", None):
            mark = "*" if isinstance(event, yaml.AliasEvent) else "&"
            found = quoted(mark + event.anchor)
            message = f"{found}: anchors are not used here; write the value out where it is needed"
            self.problems.add(line, "", message)
        if isinstance(event, yaml.AliasEvent):
            self.get_event()  # type: ignore[no-untyped-call]
            return yaml.ScalarNode(_TAG + "broken", "", event.start_mark)  # type: ignore[arg-type]
        self.depth += 1
        self.nodes += 1
        if self.depth > DEEPEST or self.nodes > MOST_NODES:
            limit = f"{DEEPEST} levels" if self.depth > DEEPEST else f"{MOST_NODES} values"
            raise _TooMuch(line, f"more than {limit}; no search space needs that many")
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


class _TooMuch(Exception):  # noqa: N818 - ends the composing, becomes a problem at once
    """The document is larger than any search space."""


def _compose(text: str, problems: Problems) -> yaml.Node | None:
    try:
        loader = _Loader(text)
        loader.problems = problems
        return loader.get_single_node()
    except _TooMuch as excess:
        problems.add(excess.args[0], "", excess.args[1])
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        message = f"the character U+{int(error.character):04X} cannot stand in YAML; remove it"
        problems.add(line, "", message)
    except yaml.MarkedYAMLError as error:
        _note_syntax(error, text, problems)
    except (ValueError, OverflowError):  # escapes and version numbers out of range
        problems.add(0, "", "not YAML: an escape or number is out of range; write plain text")
    return None


def _note_syntax(error: yaml.MarkedYAMLError, text: str, problems: Problems) -> None:
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark else 0
    said = " ".join(filter(None, (error.context, error.problem)))
    lines = text.splitlines()
    if "single document" in said:
        message = "a second document starts here; keep one search space in a file, without '---'"
    elif line and line <= len(lines) and "\t" in lines[line - 1]:
        message = "a tab stands here; indent with spaces, YAML allows no tabs"
    else:
        start = error.context_mark
        where = f" (from line {start.line + 1})" if start and start.line + 1 < line else ""
        message = f"not YAML: {said}{where}; check colons, brackets, quotes and indentation"
    problems.add(line, "", message)


def _entry(node: yaml.Node, key: str, line: int, problems: Problems) -> Entry:
    if isinstance(node, yaml.ScalarNode):
        value = _scalar(node, key, line, problems)
        return Entry(key=key, line=line, value=value, text=node.value)
    if isinstance(node, yaml.SequenceNode) and node.tag == _TAG + "seq":
        items = (
            _entry(item, f"{key}[{i}]", item.start_mark.line + 1, problems)
            for i, item in enumerate(node.value, start=1)
        )
        return Entry(key=key, line=line, value=tuple(items))
    if isinstance(node, yaml.MappingNode) and node.tag == _TAG + "map":
        return Entry(key=key, line=line, value=_mapping(node, key, problems))
    problems.add(line, key, f"the tag {quoted(node.tag)} is not used here; remove it")
    return Entry(key=key, line=line, value=BROKEN)


def _mapping(node: yaml.MappingNode, path: str, problems: Problems) -> Mapping[str, Entry]:
    entries: dict[str, Entry] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        name = _key(key_node, path, problems)
        if name is None:
            continue
        if name in entries:
            message = f"stands here again, first in line {entries[name].line}; remove one of them"
            problems.add(line, _join(path, name), message)
            continue
        entries[name] = _entry(value_node, _join(path, name), line, problems)
    return MappingProxyType(entries)


def _key(node: yaml.Node, path: str, problems: Problems) -> str | None:
    if isinstance(node, yaml.ScalarNode) and node.tag == _TAG + "str":
        return str(node.value)
    line = node.start_mark.line + 1
    if node.tag == _TAG + "merge":
        problems.add(line, path, "merge keys, <<, are not used here; write the entries out")
    elif isinstance(node, yaml.ScalarNode):
        message = f"the key {quoted(node.value)} is not text; write the name of a parameter"
        problems.add(line, path, message)
    else:
        problems.add(line, path, "a key must be one word, found a list or mapping; check brackets")
    return None


def _join(path: str, name: str) -> str:
    shown = name if name.isprintable() and 0 < len(name) <= 40 else quoted(name)
    return f"{path}.{shown}" if path and path != "parameters" else shown


def _scalar(
    node: yaml.ScalarNode, key: str, line: int, problems: Problems
) -> Value | _Broken | None:
    tag, text = node.tag.removeprefix(_TAG), str(node.value)
    if tag == "str":
        return text
    if tag == "null" and text.lower() in ("", "~", "null"):
        return None
    if tag == "bool" and text.lower() in _BOOLS:
        return _BOOLS[text.lower()]
    if tag == "int" and _DECIMAL.fullmatch(text):
        return int(text)
    if tag == "float" and ":" not in text and math.isfinite(_number(text)):
        return _number(text)
    if tag in _READ_AS:
        read_as = "a number too large" if _LONG.fullmatch(text) else _READ_AS[tag]
        remedy = "write a plain decimal number, or put text in quotes"
        problems.add(line, key, f"YAML reads {quoted(text)} as {read_as}; {remedy}")
    elif tag != "broken":
        problems.add(line, key, f"the tag {quoted(tag)} is not used here; remove it")
    return BROKEN


_READ_AS = {
    "int": "an octal, binary, hexadecimal or base-60 number",
    "float": "a number that is not finite or in base 60",
    "timestamp": "a date",
    "merge": "a merge key",
    "value": "a default key",
    "null": "nothing",
    "bool": "true or false",
}


def _number(text: str) -> float:
    try:
        return float(text.replace("_", ""))
    except ValueError:
        return math.nan


def entries_of(entry: Entry, known: Iterable[str], problems: Problems) -> Mapping[str, Entry]:
    """Return a mapping's entries; keys that are not among ``known`` are noted and left out."""
    names = tuple(known)
    if not isinstance(entry.value, Mapping):
        if entry.value is not BROKEN:
            message = f"expected a mapping with {listed(names)}, found {entry.described()}"
            problems.add(entry.line, entry.key, message)
        return {}
    for name, item in entry.value.items():
        if name not in names:
            message = f"unknown key {quoted(name)}{did_you_mean(name, names)}"
            problems.add(item.line, entry.key, message)
    return {name: item for name, item in entry.value.items() if name in names}
