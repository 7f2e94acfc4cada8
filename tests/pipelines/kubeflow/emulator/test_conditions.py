from typing import Any

import pytest

from yachay.errors import UsageError
from yachay.pipelines.kubeflow.emulator.conditions import Condition, ConditionError

INPUTS: dict[str, Any] = {
    "parameter_values": {"verdict": "good", "rows": 12.0, "share": 0.5, "is_mock": True, "tags": ["a"], "text": "7"},
    "artifacts": {"blessing": {"artifacts": [{"uri": "s3://b/k", "metadata": {"blessed": 1}}]}},
}
P = "inputs.parameter_values"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{P}['verdict'] == 'good'", True),
        (f'{P}["verdict"] != "good"', False),
        (f"{P}.verdict == 'good'", True),
        (f"{P}['rows'] > 10 && {P}['rows'] <= 12", True),
        (f"int({P}['text']) == 7 || false", True),
        (f"double({P}['share']) >= -.5", True),
        (f"string({P}['rows']) == '12'", True),
        (f"!({P}['is_mock'] == true)", False),
        (f"{P}['is_mock'] == 1", False),
        (f"{P}['verdict'] in ['bad', 'good']", True),
        (f"'lost' in {P}", False),
        (f"size({P}['tags']) == 1", True),
        ("parseJson('{\"a\": 1}').a == 1", True),
        ("inputs.artifacts['blessing'].artifacts[0].metadata['blessed'] == 1.0", True),
        ("inputs.artifacts['blessing'].artifacts[0].uri == 's3://b/k'", True),
        (f"{P}['lost'] == 1 && false", False),
        (f"true || {P}['lost'] == 1", True),
        ("'&&' == '&&'", True),
    ],
)
def test_conditions_are_evaluated_as_cel(text: str, expected: bool) -> None:
    assert Condition(text).holds(INPUTS) is expected


@pytest.mark.parametrize(
    ("text", "received"),
    [
        (f"{P}['lost'] == 1", "no such key: 'lost'"),
        (f"{P}['lost'] == 1 || false", "no such key: 'lost'"),
        ("inputs.artifacts['blessing'].artifacts[1].uri == ''", "no such key"),
        (f"{P}['verdict'] < 3", "'good' < 3"),
        (f"{P}['is_mock'] < 3", "True < 3"),
        (f"!{P}['rows']", "12.0 where true or false is due"),
        (f"{P}['rows']", "12.0"),
        (f"int({P}['verdict']) == 1", "invalid literal"),
        (f"{P}['rows']['a'] == 1", "12.0, of which 'a' is asked"),
    ],
)
def test_what_cannot_be_evaluated_is_an_error_and_no_false(text: str, received: str) -> None:
    with pytest.raises(ConditionError) as caught:
        Condition(text).holds(INPUTS)

    assert f"Expected the condition `{text}` to come to true or false. Received: " in str(caught.value)
    assert received in str(caught.value)


@pytest.mark.parametrize(
    ("text", "received"),
    [
        ("", "its end"),
        ("true &&", "its end"),
        ("1 + 1 == 2", "+ 1 == 2"),
        ("outputs.x == 1", "outputs"),
        ("inputs.parameters['a'].string_value == 'b'", "parameters"),
        ("'a'.matches('b')", "("),
        ("(true", "its end"),
        ("true false", "false"),
        ("has(inputs.artifacts.a)", "has"),
        ("1u == 1", "1u"),
    ],
)
def test_what_is_not_known_is_rejected_when_it_is_parsed(text: str, received: str) -> None:
    with pytest.raises(UsageError) as caught:
        Condition(text)

    assert "to be one that can be evaluated here. Received: " in str(caught.value)
    assert received in str(caught.value)
