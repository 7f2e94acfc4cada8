from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

PACKAGES = ["cli", "components", "deployment", "manifests", "model_store", "pipelines", "schemas", "serving"]
MODULES = ["__init__", "deferred", "dotted", "errors", "files", "fork_server", "uris"]


class BuildPy(build_py):
    """Adds the marker of a typed library, which no package but the unnamed root could carry as data."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            self.copy_file("py.typed", self._marker)

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        return [*super().get_outputs(include_bytecode), self._marker]

    @property
    def _marker(self) -> str:
        return str(Path(self.build_lib, "yachay", "py.typed"))


setup(
    # The packages stand at the repository's root and import as `yachay.<package>`.
    package_dir={"yachay": "."},
    # An image holds some packages only.
    packages=[f"yachay.{name}" for name in find_packages(include=[*PACKAGES, *(f"{one}.*" for one in PACKAGES)])],
    # Naming the package "yachay" itself would ship setup.py with it.
    py_modules=[f"yachay.{name}" for name in MODULES],
    package_data={
        "": ["*.yaml", "*.json", "*.pbtxt", "*.html", "*.js", "*.css", "assets/*", "page_assets/*", "networks/*"],
        # Kustomize's folders are no packages.
        "yachay.manifests": ["**/*.yaml", "**/*.json"],
    },
    cmdclass={"build_py": BuildPy},
)
