"""Bodies of requests: decompressed and parsed, with work that is bounded by what a valid request may hold."""

import codecs
import collections
import contextlib
import gc
import json
import re
import zlib
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

import numpy as np
import orjson

from .errors import Rejection, RequestError
from .values import quoted

MAX_LOOP_BYTES = 64 * 2**10
"""Bytes of a body that is read in the event loop, in 1 to 2 ms whatever it holds; a larger one is read in a thread."""

Body: TypeAlias = bytes | bytearray
Bytes: TypeAlias = np.ndarray[Any, np.dtype[np.uint8]]

_MAX_NAMED_BYTES = 2**20
"""Bytes of a body of which a key that comes twice is searched for, which takes ten times as long as parsing it."""
_PART_BYTES = 256 * 2**10
_GZIP_BYTES = 16 * 2**10
_SMALL_BYTES = 4 * 2**10
"""Bytes of a body up to which counting one colon after the other is faster than arrays are."""
_SPACED_COLON = re.compile(rb'"[ \t\r\n]+:')
_GZIP = 16 + zlib.MAX_WBITS
_CHARSETS = {
    "utf-8": "utf-8", "utf8": "utf-8", "us-ascii": "utf-8", "utf-16": "utf-16", "utf-16le": "utf-16-le",
    "utf-16be": "utf-16-be", "utf-32": "utf-32", "utf-32le": "utf-32-le", "utf-32be": "utf-32-be",
}  # fmt: skip
_MARKS = {
    "utf-16": (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE),
    "utf-32": (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE),
}


def inflate(body: Body, max_bytes: int) -> bytearray:
    """Returns the content of a body in gzip.

    Args:
        body: bytes or bytearray.
        max_bytes: int. The most bytes that it may have; no more than these and a part are ever made.

    Raises:
        RequestError: if it is no gzip, or has more bytes.
    """
    stream = zlib.decompressobj(_GZIP)
    content = bytearray()
    end = 0
    try:
        while end < len(body) and not stream.eof:
            rest, is_full = body[end : end + _GZIP_BYTES], True
            end += _GZIP_BYTES
            # In parts: to join those that zlib makes by itself would keep the interpreter for milliseconds.
            while (rest or is_full) and not stream.eof:
                part = stream.decompress(rest, _PART_BYTES)
                content += part
                if len(content) > max_bytes:
                    raise too_large(max_bytes)
                rest, is_full = stream.unconsumed_tail, len(part) == _PART_BYTES
    except zlib.error:
        raise RequestError(Rejection.MALFORMED, "Expected a body in gzip. Received: other bytes.") from None
    if not stream.eof or stream.unused_data or end < len(body):
        raise RequestError(
            Rejection.MALFORMED,
            f"Expected a body in gzip, one member. Received: {'more behind it' if stream.eof else 'a part of it'}.",
        )
    return content


def too_large(max_bytes: int) -> RequestError:
    """Returns the rejection of a body."""
    return RequestError(
        Rejection.BODY_TOO_LARGE,
        f"Expected a body of at most {max_bytes:,} bytes. Received: more. Send it in parts.",
    )


def parse_json(
    body: Body, charset: str | None = None, max_values: int | None = None, max_value_bytes: int | None = None
) -> Any:
    """Returns the content of a body of JSON.

    Args:
        body: bytes or bytearray.
        charset: string. The charset that the client names; None for UTF-8.
        max_values: int. The most values that a larger body than `MAX_LOOP_BYTES` may hold, lists and objects among
            them. Defaults to any number.
        max_value_bytes: int. The most bytes of one of them, or between two. Defaults to any number.

    Raises:
        RequestError: if it is not JSON in that charset, holds more or longer values, or an object has a key twice.
    """
    encoding = "utf-8" if charset is None else _CHARSETS.get(charset.lower())
    if encoding is None:
        # Python decodes some others, such as punycode, in a time that grows with the square of the bytes.
        raise RequestError(
            Rejection.MALFORMED,
            f"Expected one of the charsets {', '.join(_CHARSETS)}. Received: {quoted(charset or '')}. Send UTF-8.",
        )
    try:
        if encoding != "utf-8":
            if encoding in _MARKS and not body.startswith(_MARKS[encoding]):
                # .NET sends no mark of the order of bytes, which a decoder of parts must have.
                encoding += "-le"
            parts = (part.tobytes() for part in _parts(body))
            body = b"".join(text.encode() for text in codecs.iterdecode(parts, encoding))
        if max_values is not None and len(body) > MAX_LOOP_BYTES and _has_more_values(body, max_values):
            raise RequestError(
                Rejection.TOO_MANY_VALUES,
                f"Expected at most {max_values:,} values, lists and objects among them. Received: more. "
                "Send the rows in parts.",
            )
        # The parser keeps the interpreter for as long as it takes.
        if max_value_bytes is not None and _has_longer_value(body, max_value_bytes):
            raise RequestError(
                Rejection.VALUES,
                f"Expected strings and numbers of at most {max_value_bytes:,} bytes of JSON. Received: a longer one.",
            )
        payload = _loads(body)
    except UnicodeError:
        raise RequestError(Rejection.MALFORMED, f"Expected a body in {charset}. Received: other bytes.") from None
    except orjson.JSONDecodeError as error:
        raise RequestError(
            Rejection.MALFORMED,
            f"Expected a body of JSON, its numbers finite. Received: {'nothing' if not body else error}.",
        ) from None
    if isinstance(payload, dict):
        _check_keys(body, payload)
    return payload


def _has_more_values(body: Body, max_values: int) -> bool:
    """Whether JSON holds more values: each begins the body, or stands behind a comma or an opening bracket."""
    return _exceeds(_parts(body), max_values) and _exceeds(_outside_strings(body), max_values)


def _exceeds(parts: Iterator[Bytes], max_values: int) -> bool:
    num_values = 1
    for part in parts:
        num_values += int(np.count_nonzero((part == ord(",")) | (part == ord("[")) | (part == ord("{"))))
        if num_values > max_values:
            return True
    return False


def _parts(body: Body, part_bytes: int = _PART_BYTES) -> Iterator[Bytes]:
    """Returns parts of bytes: what is done with one leaves the interpreter to other threads again soon."""
    text = np.frombuffer(body, np.uint8)
    return (text[start : start + part_bytes] for start in range(0, len(text), part_bytes))


def _has_longer_value(body: Body, max_bytes: int) -> bool:
    """Whether more bytes of JSON, from one of some places on, have no mark: a quote, or a comma outside strings.

    A value of twice as many bytes has such a place, one of at most as many has none.
    """
    step = max_bytes + 2
    quotes = (body.find(b'"', start, start + step) for start in range(0, len(body) - max_bytes, step))
    if all(quote >= 0 and body[quote - 1] != ord("\\") for quote in quotes):
        return False
    is_inside = 0
    for text in _without_escapes(body, step):
        num_quotes = int(np.count_nonzero(text == ord('"')))
        if len(text) > max_bytes and not num_quotes and (is_inside or not (text == ord(",")).any()):
            return True
        is_inside ^= num_quotes & 1
    return False


def _without_escapes(body: Body, part_bytes: int = _PART_BYTES) -> Iterator[Bytes]:
    """Returns JSON in parts, spaces in the place of escapes: each quote begins or ends a string."""
    escape = b""
    for part in _parts(body, part_bytes):
        content = escape + part.tobytes()
        if b"\\" in content:
            content = content.replace(rb"\\", b"  ").replace(rb"\"", b"  ")
        escape = content[-1:] if content.endswith(b"\\") else b""
        if text := content.removesuffix(b"\\"):
            yield np.frombuffer(text, np.uint8)


def _outside_strings(body: Body) -> Iterator[Bytes]:
    """Returns the bytes of JSON that stand in no string, in parts; quotes may be among them."""
    is_inside = 0
    for text in _without_escapes(body):
        inside = (np.cumsum(text == ord('"'), dtype=np.uint8) + np.uint8(is_inside)) & 1
        is_inside = int(inside[-1])
        yield text[inside == 0]


def _loads(body: Body) -> Any:
    """Returns the content of JSON; what a parser makes holds no cycles.

    With the garbage collector running, the lists of a hostile body would hold up all threads.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        return orjson.loads(body)
    finally:
        if was_enabled:
            gc.enable()


def _check_keys(body: Body, payload: Mapping[str, Any]) -> None:
    """Checks that no object of a body has a key twice: the parser takes the last one.

    Only a body with another number of `":` than its outer objects have keys, or with space before a colon, is looked at
    once more: a small one by a parser that notices, a large one by its colons, which stand behind keys alone. Space is
    looked for where there are more colons: strings may hold them.
    """
    num_keys = len(payload)
    for value in payload.values():
        if isinstance(value, dict):
            num_keys += len(value)
        elif isinstance(value, list):
            num_keys += sum([len(item) for item in value if type(item) is dict])
    is_large = len(body) > MAX_LOOP_BYTES
    num_colons, num_behind_quotes = _count_colons(body)
    if num_behind_quotes == num_keys and (
        num_colons == num_keys or not (_has_spaced_colon if is_large else _SPACED_COLON.search)(body)
    ):
        return
    if is_large:
        num_colons = sum(int(np.count_nonzero(part == ord(":"))) for part in _outside_strings(body))
        if num_colons in (num_keys, _count_keys(payload)):
            return
        if len(body) > _MAX_NAMED_BYTES:
            raise _twice("one of the body")
    # The nesting of what orjson takes is nearly as deep as Python goes.
    with contextlib.suppress(RecursionError):
        json.loads(body, object_pairs_hook=_once)


def _count_colons(body: Body) -> tuple[int, int]:
    """Returns how many colons there are, and how many of them behind a quote."""
    if len(body) <= _SMALL_BYTES:
        return body.count(b":"), body.count(b'":')
    num_colons = num_behind_quotes = last = 0
    for part in _parts(body):
        is_colon = part == ord(":")
        num_colons += int(np.count_nonzero(is_colon))
        num_behind_quotes += int(np.count_nonzero(is_colon[1:] & (part[:-1] == ord('"'))))
        num_behind_quotes += bool(is_colon[0]) and last == ord('"')
        last = int(part[-1])
    return num_colons, num_behind_quotes


def _has_spaced_colon(body: Body) -> bool:
    last = 0
    for part in _parts(body):
        if (part[0] == ord(":") and last <= ord(" ")) or ((part[1:] == ord(":")) & (part[:-1] <= ord(" "))).any():
            return True
        last = int(part[-1])
    return False


def _count_keys(payload: Any) -> int:
    num_keys, found = 0, [payload]
    while found:
        value = found.pop()
        if type(value) is dict:
            num_keys += len(value)
            value = value.values()
        found += [item for item in value if type(item) in (dict, list)]
    return num_keys


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(key for key, count in collections.Counter(key for key, _ in pairs).items() if count > 1)
        raise _twice(quoted(twice))
    return found


def _twice(key: str) -> RequestError:
    return RequestError(Rejection.MALFORMED, f"Expected each key once. Received: {key} several times.")
