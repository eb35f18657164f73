from __future__ import annotations

import subprocess
import sys


def test_tables_and_files_are_made_without_heavy_libraries() -> None:
    modules = ("table", "listing", "json_report", "csv_report", "markdown", "notes", "drawing")
    code = "import sys\n" + "".join(f"import study.report.{name}\n" for name in modules)
    code += "print({'torch', 'plotly'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
