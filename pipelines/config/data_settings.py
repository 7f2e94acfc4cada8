"""The section `data` of a configuration: where records come from, and which of them are rejected."""

from pydantic import Field

from ...components.example_gen.settings import ReadSettings


class DataSettings(ReadSettings):
    """Where records come from; with the fields of `ReadSettings`, how they are read and which are rejected.

    Args:
        schema_name: string. A shipped schema, or a `.pbtxt` file in the folder of the configuration. In YAML `schema`.
        path: string or None. The records that a run without `--data` reads, relative to that folder.
        mock: string or None. Dotted path of a function `(path: Path) -> None` that writes synthetic records, which are
            then read in place of others. It belongs into a profile: `profiles: {mock: {data: {mock: ...}}}`.
        prepare: string or None. Dotted path of the function that `yachay prepare` calls for records too large for one
            process: `(uris, output, reader_options, client, progress)`, which returns a summary that JSON can hold.
        climate: string or None. Dotted path of the function that `yachay climate` calls: `(uris, output,
            reader_options, stations, progress)`, which returns an object a station, with its `summary` in sentences.
        source: string. Where the records were published.
        licence: string.
    """

    schema_name: str = Field(alias="schema")
    path: str | None = None
    mock: str | None = None
    prepare: str | None = None
    climate: str | None = None
    source: str = ""
    licence: str = ""
