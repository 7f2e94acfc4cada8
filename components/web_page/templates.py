"""Templates of pages: Jinja2 with our numbers and plots, scripts by their hash."""

import base64
import functools
import hashlib
from pathlib import Path

import jinja2
from markupsafe import Markup

from . import numbers, plots
from .texts import ASSETS


@functools.cache
def environment(folder: Path) -> jinja2.Environment:
    """Returns the environment of the templates of a folder, those of all pages among them.

    A page gives the templates `t` (`Texts`), `start_language`, `style`, `script`, `script_hash` and `live_data`.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([folder, ASSETS]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.do"],
    )
    environment.filters |= {
        "number": numbers.format_number,
        "percent": numbers.format_percent,
        "interval": numbers.format_interval,
        "breakable": _breakable,
    }
    environment.globals |= {
        "Scale": plots.Scale,
        "scale_of": plots.scale_of,
        "padded_scale": plots.padded_scale,
        "line": plots.line,
        "band": plots.band,
        "thin": plots.thin,
        "is_number": numbers.is_number,
        "PLOT": plots.PLOT,
        "zip": zip,
    }
    return environment


@functools.cache
def asset(name: str, folder: Path = ASSETS) -> str:
    """Returns the text of a file of a page."""
    return (folder / name).read_text(encoding="utf-8")


def script_hash(script: str) -> str:
    """Returns the source of the content security policy that allows a script."""
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _breakable(name: str) -> Markup:
    """Returns a name that may go on in the next line behind each `_`."""
    return Markup("_<wbr>").join(name.split("_"))
