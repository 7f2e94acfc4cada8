"""The annotations and labels that name which model a service and each of its pods serve.

KServe copies an InferenceService's own annotations and labels into its pod template, so that any change of one starts
new pods, and in Knative mode a new revision. An annotation of the predictor wins over one of the same name
(`buildObjectMeta` in KServe's `predictor.go`): each pod therefore carries those of its own model under the names that
the service uses, and the service's can change while the pods stay.
"""

PREFIX = "yachay.dev"
MODEL_URI = f"{PREFIX}/model-uri"
MODEL_VERSION = f"{PREFIX}/model-version"
CONTENT_HASH = f"{PREFIX}/content-hash"
STORAGE_URI = f"{PREFIX}/storage-uri"
IMAGE = f"{PREFIX}/image"
ROLLOUT = f"{PREFIX}/rollout"

# Labels of the metrics in Prometheus: the monitors copy the pods' `yachay.dev/model-version`,
# `serving.kserve.io/inferenceservice` and `serving.knative.dev/revision`.
METRIC_MODEL_VERSION = "yachay_dev_model_version"
METRIC_INFERENCE_SERVICE = "serving_kserve_io_inferenceservice"
METRIC_KNATIVE_REVISION = "serving_knative_dev_revision"

DEPLOYMENT_MODE = "serving.kserve.io/deploymentMode"
STOP = "serving.kserve.io/stop"
AUTOSCALER_CLASS = "serving.kserve.io/autoscalerClass"
