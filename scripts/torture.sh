#!/bin/sh
# Runs every test named TestTorture… TRIALS times.
set -eu
cd "$(dirname "$0")/.."

packages=$(grep -rlE --include='*_test.go' '^func TestTorture' . | xargs -r -n1 dirname | sort -u)
if [ -z "$packages" ]; then
	echo 'there are no tests named TestTorture' >&2
	exit 1
fi
# shellcheck disable=SC2086 # a list of folders
"${GO:-go}" test -race -run '^TestTorture' -count "${TRIALS:-20}" -timeout 2h $packages
