"""Driver of `ColumnarExampleGen`."""

from tfx.dsl.components.base import base_driver

from ...dotted import fingerprint_code
from ..tfx_api import data_types_utils, driver_output_pb2, metadata
from ..tfx_api import portable_data_types as data_types
from ..tfx_api import portable_driver as ir_base_driver
from .inputs import resolve_input
from .settings import IngestSpec

FINGERPRINT = "input_fingerprint"


class Driver(base_driver.BaseDriver, ir_base_driver.BaseDriver):
    """Puts the span, the version and the fingerprint of the data's contents among the execution properties.

    They are part of the cache key: files with the same contents are not read again, whatever their times, and files
    with other contents always are. A reader's code counts as data: its module, or all of its package.
    """

    # TFX checks for the first base and runs the second.
    def __init__(self, metadata_handle: metadata.Metadata) -> None:
        base_driver.BaseDriver.__init__(self, metadata_handle)
        ir_base_driver.BaseDriver.__init__(self, metadata_handle)

    def run(self, execution_info: data_types.ExecutionInfo) -> driver_output_pb2.DriverOutput:
        """Returns the resolved properties.

        Raises:
            DataError: if the input pattern matches nothing or something that cannot be read.
        """
        source = resolve_input(execution_info.exec_properties["input_pattern"])
        resolved: dict[str, str | int] = {FINGERPRINT: source.fingerprint, "span": source.span}
        if source.version is not None:
            resolved["version"] = source.version
        if reader := IngestSpec.from_property(execution_info.exec_properties["spec"]).reader:
            resolved["reader_fingerprint"] = fingerprint_code(reader.rpartition(".")[0])
        output = driver_output_pb2.DriverOutput()
        for name, value in resolved.items():
            data_types_utils.set_metadata_value(output.exec_properties[name], value)
        return output
