"""Numbers, names and user text as text: one form for each, used everywhere."""

from __future__ import annotations

import datetime as dt
import html
import math
import re
from collections.abc import Mapping, Sequence

ABSENT = "–"
"""Text for an absent value."""

_SPLITS = {"val": "validation", "test": "test", "train": "training", "search": "search"}
_ACRONYMS = {
    "macs": "MACs",
    "auc": "AUC",
    "ece": "ECE",
    "cpu": "CPU",
    "conv_macs": "Convolution MACs",
    "train_loss": "Training loss",
    "latency_ms": "Latency, ms",
}
_COUNTS = frozenset({"parameters", "macs", "conv_macs"})
_PREFIXES = ((1e9, "G"), (1e6, "M"), (1e3, "k"))
_STAGE = re.compile(r"^stage(\d+)\.(.+)$")
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>|#~])")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def headline(name: str) -> str:
    """Return a parameter's or measure's name as a heading: ``conv_layers`` → ``Conv layers``."""
    if name in _ACRONYMS:
        return _ACRONYMS[name]
    if stage := _STAGE.match(name):
        return f"Stage {stage[1]} {_spaced(stage[2])}"
    words = _spaced(name)
    return words[:1].upper() + words[1:]


def metric_headline(metric: str) -> str:
    """Return a metric's heading without its split: ``val_accuracy`` → ``Accuracy``."""
    split, _, measure = metric.partition("_")
    return headline(measure) if split in _SPLITS and measure else headline(metric)


def describe_metric(metric: str) -> str:
    """Return a metric in running text, with its split: ``validation accuracy``."""
    split, _, measure = metric.partition("_")
    if metric not in _ACRONYMS and split in _SPLITS and measure:
        return f"{_SPLITS[split]} {_spaced(measure)}"
    heading = headline(metric)
    return heading if heading[1:2].isupper() else heading[:1].lower() + heading[1:]


def _spaced(name: str) -> str:
    words = re.split(r"[_.\s]+", name)
    return " ".join(_ACRONYMS.get(word, word) for word in words)


def measure(name: str, number: float | None) -> str:
    """Return a measure as text: counts in full, everything else with four decimals."""
    if number is None or math.isnan(number):
        return ABSENT
    if math.isinf(number):
        return "∞" if number > 0 else "-∞"
    if name in _COUNTS:
        return whole(number)
    return f"{number:.4f}" if abs(number) < 1000 else f"{number:,.1f}"


def describe_measure(name: str, number: float | None) -> str:
    """Return a measure in running text: ``validation accuracy 0.8193``, ``23,371 parameters``."""
    if name in _COUNTS:
        return f"{measure(name, number)} {describe_metric(name)}"
    return f"{describe_metric(name)} {measure(name, number)}"


def whole(number: float | None) -> str:
    """Return a count with separators: ``422,276``."""
    if number is None or not math.isfinite(number):
        return ABSENT
    return f"{number:,.0f}"


def short(number: float | None) -> str:
    """Return a count with about three digits: ``422 k``, ``4.31 M``."""
    if number is None or not math.isfinite(number):
        return ABSENT
    for scale, prefix in _PREFIXES:
        if abs(number) >= scale:
            scaled = number / scale
            digits = 0 if abs(scaled) >= 100 else 1 if abs(scaled) >= 10 else 2
            return f"{scaled:.{digits}f} {prefix}"
    return f"{number:.0f}"


def value(choice: int | float | str | bool | None) -> str:
    """Return a parameter's value as text."""
    if choice is None:
        return ABSENT
    if isinstance(choice, bool):
        return "yes" if choice else "no"
    return f"{choice:.4g}" if isinstance(choice, float) else str(choice)


def plain(setting: object) -> str:
    """Return any stored setting as one line of text; a dash if it is empty."""
    if isinstance(setting, Mapping):
        return ", ".join(f"{key}: {plain(inner)}" for key, inner in setting.items()) or ABSENT
    if isinstance(setting, Sequence) and not isinstance(setting, str):
        return ", ".join(plain(inner) for inner in setting) or ABSENT
    if setting is None or isinstance(setting, (bool, int, float)):
        return value(setting)
    return str(setting) or ABSENT


def amount(number: float | None) -> str:
    """Return an amount such as epochs: a whole number, or one decimal."""
    if number is None or not math.isfinite(number):
        return ABSENT
    return f"{number:,.0f}" if number == int(number) else f"{number:,.1f}"


def tenths(number: float | None) -> str:
    """Return a number with one decimal: ``1,041.3``."""
    return ABSENT if number is None or not math.isfinite(number) else f"{number:,.1f}"


def duration(seconds: float | None) -> str:
    """Return a time span in at most two units: ``3 h 12 min``, ``41.3 s``."""
    if seconds is None or not math.isfinite(seconds):
        return ABSENT
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{seconds / 60:.1f} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min"
    return f"{hours // 24} d {hours % 24} h"


def moment(when: dt.datetime | None) -> str:
    """Return a time to the minute; a time without a zone is UTC."""
    if when is None:
        return ABSENT
    aware = when if when.tzinfo else when.replace(tzinfo=dt.UTC)
    return aware.astimezone(dt.UTC).strftime("%Y-%m-%d %H:%M UTC")


def percent(share: float | None, digits: int = 1) -> str:
    """Return a share as per cent: ``81.9 %``."""
    if share is None or not math.isfinite(share):
        return ABSENT
    return f"{100 * share:.{digits}f} %"


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """Return ``1 trial``, ``2 trials``."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def listed(items: list[str]) -> str:
    """Return ``a``, ``a and b``, ``a, b and c``."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} and {items[-1]}"


def magnitude(size: float) -> int:
    """Return the power of ten of the first digit of a number; 0 for 0."""
    return math.floor(math.log10(abs(size))) if size else 0


def decimals(size: float, digits: int) -> int:
    """Return the number of decimals that shows this many digits of a number of this size."""
    return max(digits, digits - 1 - magnitude(size))


def rounded(number: float, digits: int) -> float:
    """Return a number rounded to this many decimals, or to significant digits if it is small."""
    return round(number, decimals(number, digits))


def in_markdown(text: str) -> str:
    """Return text that Markdown shows as it is, on one line, also inside a table."""
    return _MARKDOWN.sub(r"\\\1", " ".join(text.split()))


def code(text: str) -> str:
    """Return text as Markdown code on one line."""
    fence = "``" if "`" in text else "`"
    inner = " ".join(text.replace("``", "` `").split())
    return f"{fence} {inner} {fence}" if fence == "``" else f"`{inner}`"


def in_spreadsheet(text: str) -> str:
    """Return text that no spreadsheet runs as a formula (OWASP, CSV injection)."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def in_plot(text: str) -> str:
    """Return text that plotly shows as it is; plotly reads a few HTML tags in labels."""
    return html.escape(text, quote=False)
