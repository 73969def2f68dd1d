#!/usr/bin/env bash
# Installs dreamreel in .venv and renders CLIP, or a real clip from a package. Needs Python 3.11 and pip.
# usage: scripts/demo.sh [CLIP [KEY=VALUE ...]]
set -euo pipefail
clip=${1:+$(realpath -- "$1")}
shift $(($# > 0))
cd "$(dirname "$0")/.."
. scripts/venv.sh

if [ -z "$clip" ]; then
    clip=.venv/bigbuckbunny.mp4
    [ -f "$clip" ] || python scripts/clip.py bigbuckbunny "$clip"
    set -- start=2 frames=36 width=480 "$@"
fi
dreamreel input="$clip" output=demo.mp4 overwrite=true "$@"
echo "The result is $PWD/demo.mp4, its report demo.mp4.render/report.json."
