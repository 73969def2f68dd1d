# To be sourced: makes .venv if it is missing and installs this checkout. $1: name of an extra, if any.
extra=${1:+[$1]}
python=${PYTHON:-python3}
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "python: must be 3.11 or newer, got $("$python" --version); set PYTHON to a newer one" >&2
    exit 2
}
[ -x .venv/bin/python ] || "$python" -m venv .venv
. .venv/bin/activate
# pip runs only if the requirements have changed.
wanted="$extra $(cksum < pyproject.toml)"
if [ "$(cat .venv/installed 2>/dev/null)" != "$wanted" ]; then
    pip install --quiet --disable-pip-version-check -e ".$extra"
    echo "$wanted" > .venv/installed
fi
