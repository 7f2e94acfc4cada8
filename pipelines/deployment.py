"""From a configuration and a push to the service that is to be deployed."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ..deployment.order import Order
from ..deployment.settings import ANY_MODEL
from ..errors import ModelError, StoreError, UsageError
from ..manifests.monitor import MonitorDeployment
from ..manifests.service import Model, Service
from ..manifests.stream import StreamDeployment
from ..model_store.golden import GoldenRequest, golden_of, read_golden
from ..model_store.integrity import check_push, check_receipt, hash_content
from ..model_store.layout import GOLDEN_FILE, PUSH_PREFIX, RECEIPT_FILE, parse_version
from ..model_store.location import is_shared, open_store
from ..model_store.signature import check_signed_push
from ..model_store.store import ModelStore, Push, latest_push, read_push
from .config.pipeline_config import CONFIG_FILE, PipelineConfig
from .registry import PipelineFolder
from .runs.run_folder import PipelineHome
from .tracking import to_yaml

if TYPE_CHECKING:
    from ..deployment.call import Outcome


def service_name(config: PipelineConfig, task: str) -> str:
    """Returns the name of the InferenceService of a task."""
    return config.deploy.service or config.pipeline_name(task)


def describe_service(config: PipelineConfig, task: str, push: Push, namespace: str) -> Service:
    """Returns the service of a pushed model.

    Args:
        config: `PipelineConfig`.
        task: string.
        push: `Push`.
        namespace: string. Taken where the configuration names none.

    Raises:
        UsageError: if the configuration names no image.
        ManifestError: if it cannot be served like this.
    """
    if not config.deploy.image:
        raise UsageError(
            "Expected --image NAME@sha256:DIGEST, the server's image, or deploy.image in the configuration. "
            "Received: none. `make image` builds it; the registry shows the digest of what was pushed to it."
        )
    model = Model(
        storage_uri=push.uri,
        content_hash=push.content_hash,
        trained_uri=push.trained_uri,
        image=config.deploy.image,
    )
    return config.deploy.to_service(service_name(config, task), namespace, model)


def describe_stream(config: PipelineConfig, task: str, push: Push, namespace: str) -> StreamDeployment:
    """Returns the stream consumer of a task, which follows the store of a push.

    Args:
        config: `PipelineConfig`.
        task: string.
        push: `Push`.
        namespace: string. Taken where the configuration names none.

    Raises:
        UsageError: if the configuration names no image, source or sink.
        ManifestError: if it cannot run like this.
    """
    stream = config.stream
    for field, value in (
        ("deploy.image", config.deploy.image), ("stream.source", stream.source), ("stream.sink", stream.sink),
    ):  # fmt: skip
        if not value:
            raise UsageError(f"Expected {field} in the configuration. Received: none. Add --set {field}=...")
    return StreamDeployment(
        name=f"{service_name(config, task)}-stream",
        namespace=config.deploy.namespace or namespace,
        image=config.deploy.image,
        model_name=config.name.replace("_", "-"),
        store=push.uri.rpartition("/")[0],
        envelope=json.dumps(stream.envelope.model_dump(exclude_defaults=True)),
        **stream.model_dump(exclude={"envelope"}),
    )


def describe_monitor(
    folder: PipelineFolder, config: PipelineConfig, task: str, image: str | None, namespace: str
) -> MonitorDeployment:
    """Returns the monitor that follows a task's log.

    Args:
        folder: `PipelineFolder`.
        config: `PipelineConfig`.
        task: string.
        image: string or None. The pipeline's, by digest. None takes `kubeflow.image`.
        namespace: string. Taken where the configuration names none.

    Raises:
        UsageError: if the configuration names no image, log or store, or the folder's code is in no image.
        ManifestError: if it cannot run like this.
    """
    image = image or config.kubeflow.image or ""
    for field, value in (
        ("kubeflow.image", image), ("monitor.log", config.monitor.log), ("push.store", config.push.store),
    ):  # fmt: skip
        if not value:
            raise UsageError(f"Expected {field} in the configuration. Received: none. Add --set {field}=...")
    doors = folder.doors()
    if doors.extensions and not folder.package:
        raise UsageError(
            f"Expected {folder.path} to be an installed package, since its code ({', '.join(doors.extensions)}) must "
            "be in the image. Received: a folder. See docs/kubeflow.md."
        )
    files = {CONFIG_FILE: to_yaml(config)}
    if config.data.schema_name.endswith(".pbtxt"):
        files[Path(config.data.schema_name).name] = folder.schema_text(config)
    return MonitorDeployment(
        name=f"{service_name(config, task)}-monitor",
        namespace=config.deploy.namespace or namespace,
        image=image,
        pipeline=config.name if folder.package else "",
        task=task,
        files=files,
        store=config.push.store,
        log=config.monitor.log,
        labels=config.monitor.labels,
    )


def store_uri(config: PipelineConfig, task: str, workdir: Path) -> str:
    """Returns the store of a task's pushes: `push.store`, else beside the runs in `workdir`."""
    name = config.pipeline_name(task)
    return config.push.store_of(name) or str(PipelineHome(workdir.absolute() / name).models_path)


def find_push(
    config: PipelineConfig,
    task: str,
    workdir: Path,
    model: str | None,
    receipt: Path | None,
    trusted_key: Path | None = None,
) -> Push:
    """Returns the push that is to be deployed: the one that is named, else the latest of the store.

    Args:
        config: `PipelineConfig`.
        task: string.
        workdir: path of the folder that holds the homes of pipelines.
        model: string or None. URI of a push, `<store>/push-<version>`.
        receipt: path or None. The push's `push.json`, where the store cannot be read from here.
        trusted_key: path of the public key by which the push must be signed. Defaults to None: by none.

    Raises:
        UsageError: if there is no such push, or the cluster could not fetch it.
        StoreError: if the store cannot be read.
        IntegrityError: if its files are not those that were pushed, or signed. Of a store that cannot be read from
            here, only the receipt is checked: the pods check the files.
    """
    if model is not None:
        return _named(config, model.rstrip("/"), receipt, trusted_key)
    uri = store_uri(config, task, workdir)
    store = open_store(uri, config.push.mount, config.push.endpoint_url)
    push = latest_push(store)
    if push is None:
        raise UsageError(
            f"Expected a pushed model in {uri}. Received: none. Run the pipeline on real data, or name a push: --model."
        )
    if not is_shared(uri):
        raise UsageError(
            f"Expected a model where the cluster can fetch it. Received: {push.uri}, on this machine. Push to a bucket "
            "(--set push.store=s3://BUCKET/FOLDER in yachay run), or copy that folder to one and name it: --model "
            f"s3://BUCKET/FOLDER/{PUSH_PREFIX}{push.version} --receipt {push.uri}/{RECEIPT_FILE}."
        )
    _check(store, push, trusted_key)
    return push


def find_golden(config: PipelineConfig, push: Push, receipt: Path | None) -> list[GoldenRequest]:
    """Returns the golden requests of a push, from beside its receipt where that is named; none where it has none.

    Raises:
        StoreError: if the store cannot be read.
        ModelError: if they cannot be read, or those beside the receipt are not the push's.
    """
    if receipt is not None:
        path = receipt.parent / GOLDEN_FILE
        content = path.read_bytes() if path.is_file() else b""
        if content and hash_content(content) != push.files.get(GOLDEN_FILE):
            raise ModelError(
                f"Expected {path} to be that of the push {push.uri}. Received: another content. Copy it anew, or "
                "remove it, and no golden requests are asked."
            )
        return read_golden(content)
    store = open_store(push.uri.rpartition("/")[0], config.push.mount, config.push.endpoint_url)
    return golden_of(store, push.version)


def deploy_to(
    config: PipelineConfig, task: str, environment: str, push: Push, progress: Callable[[str], None]
) -> "Outcome":
    """Deploys a promoted push in an environment, as `yachay deploy` does, and returns the outcome.

    Args:
        config: `PipelineConfig`.
        task: string.
        environment: string. One of `registry.environments`.
        push: `Push` in the environment's store.
        progress: function of one string. Called with what happens.

    Raises:
        UsageError: if the configuration names no image, or there is no cluster.
        ManifestError: if the model cannot be served like this.
        ClusterError: if the API rejects the request or does not respond.
        MonitoringError: if Prometheus does not respond at the start.
    """
    place = config.registry.environments[environment]
    namespace = place.namespace or config.deploy.namespace
    service = dataclasses.replace(describe_service(config, task, push, namespace), namespace=namespace)
    store = open_store(push.uri.rpartition("/")[0], place.mount, place.endpoint_url or config.push.endpoint_url)
    order = Order(service, config.deploy.canary)
    return order.run(progress, context=place.context or None, golden=lambda: golden_of(store, push.version))


def served_hashes(config: PipelineConfig, task: str) -> list[str]:
    """Returns the content hashes of what clusters serve of a task, in the environments that deploy.

    Raises:
        ClusterError: if an API rejects the request or does not respond: then nobody knows what is in service.
    """
    found = []
    for place in config.registry.environments.values():
        if place.deploys:
            from ..deployment.cluster import INFERENCE_SERVICE, Cluster
            from ..deployment.record import Rollout

            cluster = Cluster.connect(place.namespace or config.deploy.namespace or None, place.context or None)
            live = cluster.get(INFERENCE_SERVICE, service_name(config, task))
            rollout = None if live is None else Rollout.of(live)
            services = () if rollout is None else (rollout.good, *rollout.earlier)
            found += [service.model.content_hash for service in services if service is not None]
    return found


def _check(store: ModelStore, push: Push, trusted_key: Path | None) -> None:
    if trusted_key is None:
        check_push(store, push)
    else:
        check_signed_push(store, push, trusted_key)


def _named(config: PipelineConfig, uri: str, receipt: Path | None, trusted_key: Path | None) -> Push:
    store, _, name = uri.rpartition("/")
    version = parse_version(name)
    if not store or version is None:
        raise UsageError(f"Expected --model to name a push, STORE/{PUSH_PREFIX}VERSION. Received: {uri!r}.")
    if receipt is not None:
        try:
            text = receipt.read_text(encoding="utf-8")
        except OSError as error:
            raise UsageError(f"Expected --receipt to name the push.json of {uri}. Received: {error}.") from None
        push = Push.from_json(text, uri)
        if push.version != version:
            raise UsageError(f"Expected the push.json of version {version}. Received: that of version {push.version}.")
        check_receipt(push)
        if trusted_key is not None:
            raise UsageError(
                "Expected --trusted-key with a store that can be read from here. Received: --receipt, which has the "
                "hashes of the files alone. Let the server check the signature: deploy.args: [--trusted_key=FILE]."
            )
        return push
    try:
        models = open_store(store, config.push.mount, config.push.endpoint_url)
        found = read_push(models, version)
    except StoreError as error:
        raise StoreError(
            f"{error} If the store cannot be read from here, name its push.json: --receipt FILE."
        ) from None
    if found is None:
        raise UsageError(f"Expected a finished push at {uri}. Received: none, or one without push.json.")
    _check(models, found, trusted_key)
    return found


def deploy_order(config: PipelineConfig, task: str) -> str:
    """Returns what the Pusher deploys, as JSON; nothing for synthetic data, or where runs do not deploy."""
    settings = config.deploy
    if config.is_synthetic or not settings.from_pipeline:
        return ""
    model = dataclasses.replace(ANY_MODEL, image=settings.image)
    service = settings.to_service(service_name(config, task), "", model)
    return Order(service, settings.canary).to_json()
