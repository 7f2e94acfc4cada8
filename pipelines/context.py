"""What a run adds to a configuration, from which its pipeline is made."""

import dataclasses

from .kinds import TRAINING


@dataclasses.dataclass(frozen=True)
class RunContext:
    """What a run adds to a configuration.

    Args:
        task: string. Name of the task.
        data_uri: string. File, folder or pattern of the records; empty for a pipeline that reads none.
        schema_text: string. The curated schema in text form.
        pipeline_root: string. Folder of the artifacts.
        model_store: string. Where models are pushed; see `Pusher`. All pipelines of a task share it.
        image: string. The container image of the steps; empty on this machine.
        pipeline: string. Name of the pipeline among `pipelines` of the configuration. Defaults to `"training"`.
        newest_uri: string. The newest labelled rows, on which a retraining compares candidate and champion; empty for
            none.
        champion_store: string. Where the champion is, if not in `model_store`. Defaults to that.
        profile_page: string. Path of the page of what the data held when the pipeline was made; empty for none.
        git_commit: string. That of the configuration; empty where it is not known.
        spool: string. Folder that keeps what the tracker cannot send; empty takes the tracker's own output.
    """

    task: str
    data_uri: str
    schema_text: str
    pipeline_root: str
    model_store: str
    image: str = ""
    pipeline: str = TRAINING
    newest_uri: str = ""
    champion_store: str = ""
    profile_page: str = ""
    git_commit: str = ""
    spool: str = ""
