"""Compiles the page's templates as it is imported: a fork server has them ready for the process that writes a page."""

from .page import environment

for name in environment().list_templates(extensions=["html"]):
    environment().get_template(name)
