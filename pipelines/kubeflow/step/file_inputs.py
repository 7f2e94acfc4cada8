"""The work of the driver of TFX's file-based ExampleGens, which Kubeflow Pipelines does not run."""

from typing import Any

from tfx import types
from tfx.proto import example_gen_pb2, range_config_pb2

from ....components.tfx_api import example_gen_driver as driver
from ....components.tfx_api import example_gen_utils as utils
from ....components.tfx_api import input_processor, proto_utils


def resolve_files(properties: dict[str, Any], examples: types.Artifact) -> dict[str, Any]:
    """Resolves spans and versions in an ExampleGen's patterns, and notes them with the data's fingerprint.

    Args:
        properties: dict. The execution properties.
        examples: TFX `Artifact`, changed in place.

    Returns:
        The execution properties with what was resolved.
    """
    config, ranges = example_gen_pb2.Input(), None
    proto_utils.json_to_proto(properties["input_config"], config)
    if properties.get("range_config"):
        ranges = range_config_pb2.RangeConfig()
        proto_utils.json_to_proto(properties["range_config"], ranges)
    processor = input_processor.FileBasedInputProcessor(properties["input_base"], config.splits, ranges)
    span, version = processor.resolve_span_and_version()
    for split in config.splits:
        split.pattern = processor.get_pattern_for_span_version(split.pattern, span, version)
    resolved = {
        **properties,
        "input_config": proto_utils.proto_to_json(config),
        utils.SPAN_PROPERTY_NAME: span,
        utils.VERSION_PROPERTY_NAME: version,
        utils.FINGERPRINT_PROPERTY_NAME: processor.get_input_fingerprint(span, version),
    }
    driver.update_output_artifact(exec_properties=resolved, output_artifact=examples.mlmd_artifact)
    # TFX notes them as custom properties only, where a consumer does not look.
    examples.span = span
    if version is not None:
        examples.version = version
    return resolved
