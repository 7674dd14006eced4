#!/bin/sh
# Writes the golden files of every package whose tests know the flag -golden.
set -eu
cd "$(dirname "$0")/.."

packages=$(grep -rl --include='*_test.go' 'flag\.Bool("golden"' . | xargs -r -n1 dirname | sort -u)
if [ -z "$packages" ]; then
	echo 'no test has golden files' >&2
	exit 1
fi
# shellcheck disable=SC2086 # a list of folders
"${GO:-go}" test -count=1 $packages -golden
