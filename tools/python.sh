#!/bin/sh
# Start Python 3.11 or newer with the arguments given: $PYTHON if set, else the first that fits.
fits='import sys; sys.exit(sys.version_info < (3, 11))'
second=

for candidate in ${PYTHON:+"$PYTHON"} python3 python3.14 python3.13 python3.12 python3.11 python; do
    if "$candidate" -c "import ensurepip; $fits" 2>/dev/null; then
        exec "$candidate" "$@"
    fi
    # Recent enough but without ensurepip, as in bare Debian: taken if there is nothing better.
    if [ -z "$second" ] && "$candidate" -c "$fits" 2>/dev/null; then
        second=$candidate
    fi
done
[ -z "$second" ] || exec "$second" "$@"

found=$(python3 --version 2>/dev/null) || found="no Python at all"
echo "lossary needs Python 3.11 or newer, and found ${found}." >&2
echo "Install a newer one, or name it: PYTHON=/path/to/python3 $0" >&2
exit 1
