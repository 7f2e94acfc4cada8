"""Apache Kafka itself, in KRaft mode: its jars come from Maven Central into the user's cache."""

import contextlib
import fcntl
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

from yachay.components.pusher.candidate_server import free_port

VERSION = "3.9.1"
POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
<modelVersion>4.0.0</modelVersion><groupId>yachay</groupId><artifactId>kafka</artifactId><version>1</version>
<dependencies><dependency>
<groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{VERSION}</version>
</dependency></dependencies></project>
"""
PROPERTIES = """
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
log.dirs={logs}
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
"""


def find_jars() -> Path | str:
    """Returns the folder of Kafka's jars, fetched once; or why there is none."""
    if shutil.which("java") is None:
        return "there is no Java on this machine"
    root = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "yachay" / "kafka" / VERSION
    jars = root / "jars"
    root.mkdir(parents=True, exist_ok=True)
    with (root / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if jars.is_dir():
            return jars
        if shutil.which("mvn") is None:
            return "there is no Maven to fetch Kafka's jars with"
        (root / "pom.xml").write_text(POM)
        draft = root / "draft"
        command = ["mvn", "-q", "-B", "dependency:copy-dependencies", f"-DoutputDirectory={draft}"]
        done = subprocess.run(
            [*command, "-DincludeScope=runtime"], cwd=root, capture_output=True, text=True, timeout=600
        )
        if done.returncode:
            return f"Maven cannot fetch Kafka's jars: {done.stdout[-300:]}"
        draft.rename(jars)
    return jars


class Broker:
    """A broker that can be killed and started again.

    Args:
        jars: path.
        folder: path. Of its data.
    """

    def __init__(self, jars: Path, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.servers = f"127.0.0.1:{self.port}"
        self._java = ["java", "-Xmx512m", "-cp", f"{jars}/*"]
        self._properties = folder / "server.properties"
        self._properties.write_text(
            PROPERTIES.format(port=self.port, controller=free_port(), logs=folder / "logs"), encoding="utf-8"
        )
        self._process: subprocess.Popen[bytes] | None = None
        subprocess.run(
            [*self._java, "kafka.tools.StorageTool", "format", "-t", "4L6g3nShT-eMCtK--X86sw", "-c", self._properties],
            check=True, capture_output=True,
        )  # fmt: skip

    def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen([*self._java, "kafka.Kafka", self._properties], stdout=log, stderr=log)
        end = time.monotonic() + 300
        admin = AdminClient({"bootstrap.servers": self.servers, "log_level": 0})
        while True:
            with contextlib.suppress(KafkaException):
                admin.list_topics(timeout=2)
                return
            assert self._process.poll() is None, (self.folder / "log").read_text()[-2000:]
            assert time.monotonic() < end

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def make_topic(self, name: str, partitions: int) -> None:
        admin = AdminClient({"bootstrap.servers": self.servers})
        admin.create_topics([NewTopic(name, partitions, 1)])[name].result(30)


@contextlib.contextmanager
def running_broker(jars: Path, folder: Path) -> Iterator[Broker]:
    """Runs a broker."""
    broker = Broker(jars, folder)
    broker.start()
    try:
        yield broker
    finally:
        broker.kill()
