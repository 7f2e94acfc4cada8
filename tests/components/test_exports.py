import subprocess
import sys
from pathlib import Path

import pytest

FOLDERS = sorted(path.parent.name for path in Path(__file__).parents[2].glob("components/*/component.py"))


@pytest.mark.parametrize("noun", FOLDERS)
def test_a_folder_of_a_component_exports_it_without_importing_tfx(noun: str) -> None:
    program = (
        f"import sys, yachay.components.{noun} as package\n"
        "assert 'tfx' not in sys.modules\n"
        "assert package.__all__ == sorted(package.__all__) and package.__all__\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_an_unknown_name_is_an_attribute_error_with_the_nearest() -> None:
    import yachay.components.example_gen as package

    with pytest.raises(AttributeError, match=r"has no attribute 'ColumnarExampleGn'.*'ColumnarExampleGen'\?"):
        _ = package.ColumnarExampleGn  # type: ignore[attr-defined]
