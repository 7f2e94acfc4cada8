from setuptools import find_packages, setup

ROOMS = ["cli", "components", "deployment", "manifests", "model_store", "pipelines", "schemas", "serving"]

setup(
    # The rooms stand at the repository's root and import as `yachay.<room>`.
    package_dir={"yachay": "."},
    packages=[f"yachay.{name}" for name in find_packages(include=[*ROOMS, *(f"{room}.*" for room in ROOMS)])],
    # Naming the package "yachay" itself would ship setup.py with it.
    py_modules=["yachay.__init__", "yachay.dotted", "yachay.errors", "yachay.files", "yachay.uris"],
    package_data={
        "": ["*.yaml", "*.json", "*.pbtxt", "*.html", "*.js", "*.css", "assets/*", "page_assets/*"],
        # Kustomize's folders are no packages.
        "yachay.manifests": ["**/*.yaml", "**/*.json"],
    },
)
