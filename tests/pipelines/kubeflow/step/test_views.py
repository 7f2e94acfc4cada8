from yachay.components.features import Problem
from yachay.pipelines.config.load import load_config
from yachay.pipelines.kubeflow.compile.configured import node_requests
from yachay.pipelines.kubeflow.step.views import VIEWS
from yachay.pipelines.registry import find_pipelines


def test_a_regression_shows_no_classes() -> None:
    config = load_config(find_pipelines()["student_dropout"].config_path)
    label = config.label.model_copy(update={"values": []})
    evaluation = config.evaluation.model_copy(update={"change": None})
    regression = config.model_copy(update={"problem": Problem.REGRESSION, "label": label, "evaluation": evaluation})

    assert set(node_requests(config, "semester2")["EvaluationReport"].views) == VIEWS.keys()
    assert set(node_requests(regression, "semester2")["EvaluationReport"].views) == VIEWS.keys() - {"classification"}
