"""The section `beam` of a configuration: which Beam runner does work that is too large for one machine."""

from pydantic import JsonValue, field_validator

from ...components.settings import Settings


class BeamSettings(Settings):
    """The Beam runner of the steps that work by Beam.

    Args:
        runner: string. Its name as Beam has it, such as `"FlinkRunner"` or `"DataflowRunner"`. Empty: the runner in
            memory, on the machine of the step.
        options: dict of its options to their values: `{flink_master: "flink:8081", parallelism: 8}`.
    """

    runner: str = ""
    options: dict[str, JsonValue] = {}

    @field_validator("options")
    @classmethod
    def _plain(cls, options: dict[str, JsonValue]) -> dict[str, JsonValue]:
        for name, value in options.items():
            if isinstance(value, dict | list) or name.startswith("-"):
                raise ValueError(f"{name}: expected an option's name without dashes and one value, received {value!r}")
        return options

    def arguments(self) -> list[str]:
        """Returns them as Beam's arguments; a flag is one that is true."""
        runner = [f"--runner={self.runner}"] if self.runner else []
        flags = [f"--{name}" for name, value in self.options.items() if value is True]
        values = [f"--{name}={value}" for name, value in self.options.items() if not isinstance(value, bool | None)]
        return [*runner, *flags, *values]
