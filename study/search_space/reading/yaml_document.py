"""Reads YAML text as plain data with line numbers. Only this module uses PyYAML.

It accepts one document of scalars, lists and mappings with text keys. It rejects forms that are
easily misread (octal and base-60 numbers, dates, tags, anchors, duplicate keys), and never
constructs an object from a tag.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from study.common.errors import SearchSpaceError
from study.search_space.candidate import Value

DEEPEST = 16
MOST_NODES = 20_000
MOST_PROBLEMS = 100
LONGEST_QUOTE = 60
_DECIMAL = re.compile(r"[-+]?(0|[1-9][0-9_]{0,29})")
_LONG = re.compile(r"[-+]?[1-9][0-9_]*")
_TAG = "tag:yaml.org,2002:"
_READ_AS = {
    "int": "an octal, binary, hexadecimal or base-60 number",
    "float": "a number that is not finite or in base 60",
    "timestamp": "a date",
    "merge": "a merge key",
    "value": "a default key",
    "null": "nothing",
    "bool": "true or false",
}

KeyPath = tuple[str | int, ...]
"""The keys and indices that lead to a value: ``("parameters", "dropout", "choices", 1)``."""


class _Broken:
    """Replaces a value whose problem is already reported, so that it is reported once."""


BROKEN: Final = _Broken()


@dataclass(slots=True)
class YamlDocument:
    """A YAML file as plain data, with the line of each value and the problems found so far.

    ``data`` has dictionaries, lists and scalars; ``BROKEN`` where a problem is already reported.
    """

    source: str
    data: Any = BROKEN
    _lines: dict[KeyPath, int] = field(default_factory=dict)
    _texts: dict[KeyPath, str] = field(default_factory=dict)
    _problems: list[tuple[int, str]] = field(default_factory=list)

    @property
    def has_problems(self) -> bool:
        return bool(self._problems)

    def at(self, path: KeyPath) -> Any:
        """Return the value at ``path``; None if there is none."""
        value = self.data
        for key in path:
            if isinstance(value, dict):
                value = value.get(key)
            else:
                value = value[key] if isinstance(value, list) and isinstance(key, int) else None
        return value

    def line(self, path: KeyPath) -> int:
        """Return the line of the value at ``path``, or of the nearest value that contains it."""
        while path not in self._lines and path:
            path = path[:-1]
        return self._lines.get(path, 0)

    def found(self, path: KeyPath) -> str:
        """Describe the value at ``path`` as it is written."""
        text = self._texts.get(path, "")
        match self.at(path):
            case None:
                return "nothing"
            case bool() as value if text.lower() not in ("true", "false"):
                return f"{text}, which YAML reads as {value}"
            case str() as value:
                return f"the text {quoted(value)}"
            case list() as value:
                return "a list" if value else "an empty list"
            case dict() as value:
                return "a mapping" if value else "an empty mapping"
            case _:
                return text

    def report(self, path: KeyPath, message: str, *, line: int | None = None) -> None:
        """Report a problem in one line: what was found, and what to write instead.

        An empty ``path`` is the whole document. ``line`` counts from 1; 0 is the whole file.
        """
        number = self.line(path) if line is None else line
        where = f"{self.source}:{number}" if number else self.source
        label = f"{_label(path)}: " if path else ""
        self._problems.append((number, f"{where}: {label}{message}"))

    def report_unknown_key(self, path: KeyPath, known: Iterable[str]) -> None:
        """Report a key that its mapping does not have, with the nearest known key."""
        key = str(path[-1])
        message = f"unknown key {quoted(key)}{did_you_mean(key, known)}"
        self.report(path[:-1], message, line=self.line(path))

    def raise_problems(self) -> None:
        """Raise all problems reported so far, if any, in the order of the file."""
        if not self._problems:
            return
        found = sorted(self._problems, key=lambda problem: problem[0])
        lines = list(dict.fromkeys(text for _, text in found))
        if len(lines) > MOST_PROBLEMS:
            more = len(lines) - MOST_PROBLEMS
            lines[MOST_PROBLEMS:] = [f"{self.source}: and {more} more problems"]
        raise SearchSpaceError(lines)

    def _plain(self, node: yaml.Node, path: KeyPath, line: int) -> Any:
        self._lines[path] = line
        if isinstance(node, yaml.ScalarNode):
            self._texts[path] = str(node.value)
            return self._scalar(node, path)
        if isinstance(node, yaml.SequenceNode) and node.tag == _TAG + "seq":
            return [
                self._plain(item, (*path, index), item.start_mark.line + 1)
                for index, item in enumerate(node.value)
            ]
        if isinstance(node, yaml.MappingNode) and node.tag == _TAG + "map":
            return self._mapping(node, path)
        self.report(path, f"the tag {quoted(node.tag)} is not used here; remove it")
        return BROKEN

    def _mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Any]:
        entries: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            name = self._key(key_node, path, line)
            if name is None:
                continue
            if name in entries:
                first = self._lines[(*path, name)]
                message = f"occurs again, first in line {first}; remove one of them"
                self.report((*path, name), message, line=line)
                continue
            entries[name] = self._plain(value_node, (*path, name), line)
        return entries

    def _key(self, node: yaml.Node, path: KeyPath, line: int) -> str | None:
        if isinstance(node, yaml.ScalarNode) and node.tag == _TAG + "str":
            return str(node.value)
        if node.tag == _TAG + "merge":
            message = "merge keys, <<, are not used here; write the entries out"
        elif isinstance(node, yaml.ScalarNode):
            message = f"the key {quoted(node.value)} is not text; write the name of a parameter"
        else:
            message = "a key must be one word, found a list or mapping; check brackets"
        self.report(path, message, line=line)
        return None

    def _scalar(self, node: yaml.ScalarNode, path: KeyPath) -> Value | _Broken | None:
        tag, text = node.tag.removeprefix(_TAG), str(node.value)
        if tag == "str":
            return text
        if tag == "null" and text.lower() in ("", "~", "null"):
            return None
        if tag == "bool" and text.lower() in yaml.SafeLoader.bool_values:
            return bool(yaml.SafeLoader.bool_values[text.lower()])
        if tag == "int" and _DECIMAL.fullmatch(text):
            return int(text)
        if tag == "float" and math.isfinite(_number(text)):
            return _number(text)
        if tag in _READ_AS:
            read_as = "a number too large" if _LONG.fullmatch(text) else _READ_AS[tag]
            remedy = "write a plain decimal number, or put text in quotes"
            self.report(path, f"YAML reads {quoted(text)} as {read_as}; {remedy}")
        else:
            self.report(path, f"the tag {quoted(tag)} is not used here; remove it")
        return BROKEN


def read_document(text: str, source: str) -> YamlDocument:
    """Return a YAML text as plain data, together with the problems of its form."""
    document = YamlDocument(source)
    node = _compose(text, document)
    document.raise_problems()
    if node is None:
        message = "the file is empty; write at least 'parameters:' with one parameter"
        raise SearchSpaceError([f"{source}: {message}"])
    document.data = document._plain(node, (), node.start_mark.line + 1)
    return document


class _Loader(yaml.SafeLoader):
    """Composes nodes; rejects aliases, deep nesting and too many values on the way."""

    document: YamlDocument
    depth = 0
    nodes = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        line = event.start_mark.line + 1
        if getattr(event, "anchor", None):
            mark = "*" if isinstance(event, yaml.AliasEvent) else "&"
            found = quoted(mark + event.anchor)
            message = f"{found}: anchors are not used here; write the value out where it is needed"
            self.document.report((), message, line=line)
        if isinstance(event, yaml.AliasEvent):
            self.get_event()  # type: ignore[no-untyped-call]
            return None
        self.depth += 1
        self.nodes += 1
        if self.depth > DEEPEST or self.nodes > MOST_NODES:
            limit = f"{DEEPEST} levels" if self.depth > DEEPEST else f"{MOST_NODES} values"
            message = f"more than {limit}; no search space needs that many"
            self.document.report((), message, line=line)
            self.document.raise_problems()
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


_Loader.add_implicit_resolver(  # YAML 1.1 takes 1e-4 for text, YAML 1.2 for a number
    _TAG + "float", re.compile(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
)


def _compose(text: str, document: YamlDocument) -> yaml.Node | None:
    try:
        loader = _Loader(text)
        loader.document = document
        return loader.get_single_node()
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        message = f"the character U+{int(error.character):04X} is not allowed in YAML; remove it"
        document.report((), message, line=line)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 0
        document.report((), _describe_syntax_error(error, line, text), line=line)
    except (ValueError, OverflowError):  # escapes and version numbers out of range
        document.report((), "not YAML: an escape or number is out of range; write plain text")
    return None


def _describe_syntax_error(error: yaml.MarkedYAMLError, line: int, text: str) -> str:
    problem = " ".join(filter(None, (error.context, error.problem)))
    lines = text.splitlines()
    if "single document" in problem:
        return "a second document starts here; keep one search space in a file, without '---'"
    if 0 < line <= len(lines) and "\t" in lines[line - 1]:
        return "this line has a tab; indent with spaces, YAML allows no tabs"
    start = error.context_mark
    where = f" (from line {start.line + 1})" if start and start.line + 1 < line else ""
    return f"not YAML: {problem}{where}; check colons, brackets, quotes and indentation"


def _label(path: KeyPath) -> str:
    """Return a path as in messages: ``dropout.choices[2]``."""
    shown = path[1:] if len(path) > 1 and path[0] == "parameters" else path
    label = ""
    for key in shown:
        if isinstance(key, int):
            label += f"[{key + 1}]"
        else:
            name = key if key.isprintable() and 0 < len(key) <= 40 else quoted(key)
            label += f".{name}" if label else name
    return label


def _number(text: str) -> float:
    try:
        return float(text.replace("_", ""))
    except ValueError:
        return math.nan


def quoted(text: str) -> str:
    """Return a text in quotes, printable and short enough for a line."""
    return repr(text if len(text) <= LONGEST_QUOTE else text[: LONGEST_QUOTE - 1] + "…")


def closest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that ``word`` probably means, or None."""
    close = difflib.get_close_matches(word[:LONGEST_QUOTE].lower(), list(known), n=1)
    return close[0] if close else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ``; did you mean 'x'?`` for the closest known word, else all known words."""
    words = list(known)
    close = closest(word, words)
    return f"; did you mean {close!r}?" if close else f"; known: {', '.join(words)}"


def listed(values: Iterable[object]) -> str:
    """Return values as ``'a', 'b', 3``; a long list is shortened."""
    texts = [repr(value) for value in values]
    return ", ".join(texts if len(texts) <= 9 else [*texts[:6], "…", texts[-1]])
