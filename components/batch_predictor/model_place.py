"""The model that scores: the newest push of a store, or one of its versions."""

import dataclasses

from ...model_store.location import open_store
from ...serving.store import ModelVersion, open_source
from ..pusher.settings import PushSettings


@dataclasses.dataclass(frozen=True)
class ModelPlace:
    """A model store, and a version of its pushes.

    Args:
        store: string. Where pushes lie; see `model_store.location`.
        push: `PushSettings`. How it is opened.
        version: string. A push; empty for the newest. Defaults to it.
    """

    store: str
    push: PushSettings
    version: str = ""

    def newest(self) -> ModelVersion:
        """Returns the push, copied here where it lies in a bucket.

        Raises:
            UsageError: if there is none.
            StoreError: if the store cannot be read.
        """
        opened = open_store(self.store, self.push.mount, self.push.endpoint_url)
        # A claim is read where it is mounted.
        source = open_source(getattr(opened, "path", self.store), self.push.endpoint_url)
        return source.newest(str(int(self.version) + 1)) if self.version else source.newest()
