"""Read an env file: `NAME=VALUE` lines, parsed by python-dotenv and never run by a shell."""

from __future__ import annotations

import io
import re
from pathlib import Path

from dotenv import dotenv_values

from delta_neo4j.errors import SettingsError

# Windows editors put a byte order mark at the start of a file. Files joined by `cat` have it at the start of a line.
# python-dotenv before 1.2.4 takes the mark for a part of the name.
_BYTE_ORDER_MARKS = re.compile("^\ufeff+", re.MULTILINE)


def read(name: str | None) -> dict[str, str]:
    """
    Return the values of an env file by name; nothing is expanded or substituted.

    `name`: None reads `.env` if it exists, "" reads no file, any other file must exist. Raises `SettingsError` if the
    file does not exist, cannot be read or is not UTF-8.
    """
    if name == "":
        return {}
    path = Path(name or ".env")
    if not path.is_file():
        if name:
            raise SettingsError(f"the env file {name} does not exist; copy .env.sample to it and fill it in")
        return {}
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"the env file {path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:  # UTF-16 without a byte order mark decodes as UTF-8, with a NUL beside each letter
        raise SettingsError(
            f"the env file {path} is not UTF-8 text; save it as UTF-8 (in Windows Notepad: Save as, Encoding UTF-8)"
        )
    values = dotenv_values(stream=io.StringIO(_BYTE_ORDER_MARKS.sub("", text)), interpolate=False)
    return {key: value for key, value in values.items() if value is not None}
