from yachay.pipelines.columns import ingest_columns
from yachay.pipelines.config.pipeline_config import PipelineConfig
from yachay.schemas import parse_schema

SCHEMA = """
feature { name: "day" type: FLOAT presence { min_fraction: 1 } shape { dim { size: 24 } } }
feature { name: "codes" type: BYTES value_count { min: 1 max: 5 } }
feature { name: "one" type: INT presence { min_fraction: 1 } value_count { min: 1 max: 1 } }
feature { name: "y" type: FLOAT presence { min_fraction: 1 } }
"""


def test_what_a_schema_calls_a_sequence_is_read_as_one():
    config = PipelineConfig.model_validate(
        {
            "name": "sample",
            "problem": "regression",
            "data": {"schema": "sample"},
            "label": {"name": "y"},
            "features": {"numeric": ["day", "one"], "categorical": ["codes"]},
            "tasks": {"only": {}},
            "default_task": "only",
        }
    )
    assert ingest_columns(parse_schema(SCHEMA), config) == {
        "day": {"type": "float32", "required": True, "steps": 24, "min_steps": 24},
        "codes": {"type": "string", "required": False, "steps": 5, "min_steps": 1},
        "one": {"type": "int64", "required": True},
        "y": {"type": "float32", "required": True},
    }
