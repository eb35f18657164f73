#!/usr/bin/env python3
"""The command: hands over to ``study.cli``."""

from study.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
