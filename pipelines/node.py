"""What runners and the compiler need to know of a node, said where the node is made.

    trainer = describe_node(Trainer(...), NodeTraits(rows="rows_train", role="trainer"))

A node that is not described, such as a stock component in a pipeline of your own, has the defaults.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeVar

if TYPE_CHECKING:
    from .config.kubeflow_settings import Resources

Role = Literal[
    "", "ingest", "trainer", "tuner", "evaluator", "report", "pusher", "recommender", "champion_gate", "tracker",
    "monitor",
]  # fmt: skip
Node = TypeVar("Node")

PIPELINE_ROOT = "pipeline_root"
DATA_URI = "data_uri"

_ATTRIBUTE = "_yachay_traits"


@dataclasses.dataclass(frozen=True)
class PipelineParameter:
    """A parameter that a run of the compiled pipeline may change.

    Args:
        name: string.
        type: string. As KFP names it.
        default: string, int or float; None where a run must name it.
        description: string.
        choices: tuple of strings. All values that it takes; empty for any.
    """

    name: str
    type: Literal["STRING", "NUMBER_INTEGER", "NUMBER_DOUBLE", "BOOLEAN"]
    default: str | int | float | None
    description: str = ""
    choices: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Assignment:
    """A pipeline parameter that goes into a field of an execution property which is a JSON object.

    Args:
        parameter: string. The input parameter.
        property: string. The execution property.
        path: tuple of strings. Keys that lead to the field.
        zero_keeps: bool. Whether 0 leaves the field as it is.
    """

    parameter: str
    property: str
    path: tuple[str, ...]
    zero_keeps: bool = False


@dataclasses.dataclass(frozen=True)
class RawData:
    """How an ingest gets its records.

    Args:
        property: string. The execution property that takes the local path or pattern.
        input: string. The input artifact that holds what `data_uri` names in a store.
        mock: string or None. Dotted path of the function `(path) -> None` that writes the records, which are synthetic.
    """

    property: str
    input: str
    mock: str | None = None


@dataclasses.dataclass(frozen=True)
class NodeRequest:
    """What a node takes from a run of the compiled pipeline.

    Args:
        properties: mapping of execution property to the pipeline parameter that it is.
        arguments: tuple of strings. Pipeline parameters that the node's step needs beside its execution properties.
        assignments: tuple of `Assignment`.
        raw_data: `RawData` or None.
        output_folders: mapping of execution property to the output artifact whose place it takes.
        points_to: string or None. The input that the pointer object names once the step has pushed.
        opens_store: bool. Whether the node itself reads or writes a store: its step gets the store's credentials.
        views: tuple of strings. The outputs that show the node's report, of `kubeflow.spec.views.VIEWS`.
        parameters: tuple of `PipelineParameter`. Those that the node declares; several nodes may declare the same.
    """

    properties: Mapping[str, str] = dataclasses.field(default_factory=dict)
    arguments: tuple[str, ...] = ()
    assignments: tuple[Assignment, ...] = ()
    raw_data: RawData | None = None
    output_folders: Mapping[str, str] = dataclasses.field(default_factory=dict)
    points_to: str | None = None
    opens_store: bool = False
    views: tuple[str, ...] = ()
    parameters: tuple[PipelineParameter, ...] = ()


@dataclasses.dataclass(frozen=True)
class NodeTraits:
    """What a node is to those who run or compile it.

    Args:
        rows: string. The property of `examples` that counts the rows that the node handles; empty shows none. A node
            without `examples` among its inputs and outputs shows none either.
        is_cached: bool. Whether an unchanged node is taken from the cache. Not where the result depends on what no
            input holds: the contents of a store, or of a cluster.
        is_current: function of `{output: properties}`, or None. Of a node that is not cached: whether an earlier
            result of the same inputs still holds, so that a run on this machine takes it.
        role: string. What the summary takes from the node: of `"ingest"` the counts and the quarantine, of `"tuner"`
            the outline of its search, of `"trainer"` the model, of `"evaluator"` metrics and verdict, of `"report"` the
            page, of `"pusher"` the push, of `"recommender"` the recommendation, of `"champion_gate"` its verdict, of
            `"tracker"` what tracking came to. Empty takes nothing.
        request: `NodeRequest`.
        resources: `Resources` or None. What its step gets where `kubeflow.resources` does not name the node.
        forks: tuple of strings. Modules that a process which it starts takes seconds to import: a run on this machine
            imports them in a fork server while earlier nodes work.
        may_precede: tuple of strings. Ids of upstream nodes, gates of which it takes no output, that it need not wait
            for where nodes run side by side: those after it do, and where the gate fails, so does the run.
    """

    rows: str = "rows_kept"
    is_cached: bool = True
    is_current: "Callable[[Mapping[str, Mapping[str, Any]]], bool] | None" = None
    role: Role = ""
    request: NodeRequest = NodeRequest()
    resources: "Resources | None" = None
    forks: tuple[str, ...] = ()
    may_precede: tuple[str, ...] = ()


def describe_node(node: Node, traits: NodeTraits) -> Node:
    """Returns a node of a TFX pipeline, with its traits."""
    setattr(node, _ATTRIBUTE, traits)
    return node


def traits_of(node: Any) -> NodeTraits:
    """Returns the traits of a node; the defaults where it is not described."""
    traits: NodeTraits = getattr(node, _ATTRIBUTE, NodeTraits())
    return traits
