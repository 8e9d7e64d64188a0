#!/bin/sh
# A worker's Python that can import neither the project nor pydantic, in an empty folder.
cd "$BARE_FOLDER" || exit 1
PYTHONPATH="$BARE_FOLDER/blocker${PYTHONPATH:+:$PYTHONPATH}" exec "$BARE_PYTHON" "$@"
