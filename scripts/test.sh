#!/bin/sh
# Runs the tests of the packages given, or of all and of the module in examples, with what they run against installed.
set -eu
cd "$(dirname "$0")/.."

scripts/test-deps.sh

status=0
"${GO:-go}" test -race -shuffle=on -timeout 15m "${@:-./...}" || status=$?
# The race detector makes pools forget at random: what a request may allocate is held without it.
"${GO:-go}" test -run '^TestAllocations$' ./internal/bench || status=$?
if [ "${*:-./...}" = ./... ]; then
	(cd examples/privatebuild && "${GO:-go}" test -race -shuffle=on ./...) || status=$?
fi

# Said again at the end, where it is seen.
if [ -s .tools/skipped ]; then
	cat .tools/skipped >&2
fi
exit "$status"
