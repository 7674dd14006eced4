#!/bin/sh
# Runs the torture trials and writes docs/torture.md: TRIALS of all kinds together (1000). SEED and FROM, which it prints, go on
# where a run was ended. ONLY=kill, power, torn, full, jira or clock runs one kind and writes nothing. KEEP=FOLDER keeps the data,
# the log and the stacks of servers that did not do all. Power cuts and full disks need root and loop devices, and are skipped by
# name without them. Then a million events wait, and the other tests named TestTorture… run TIMES times (20).
set -eu
cd "$(dirname "$0")/.."

go=${GO:-go}
report=
if [ -z "${ONLY:-}" ]; then
	report=$PWD/docs/torture.md
fi
failed=$(mktemp)
trap 'rm -f "$failed"' EXIT
{
	"$go" test ./internal/torture -run '^TestTorture$' -v -timeout 24h -torture.trials "${TRIALS:-1000}" -torture.seed "${SEED:-0}" \
		-torture.from "${FROM:-0}" -torture.worlds "${WORLDS:-4}" -torture.only "${ONLY:-}" -torture.keep "${KEEP:-}" -torture.report "$report" || echo failed >"$failed"
} | grep -v -e '^=== ' -e '"msg":"request"' || true
if [ -n "${ONLY:-}" ]; then
	[ ! -s "$failed" ]
	exit
fi
"$go" test ./internal/torture -run '^TestManyWaitingEvents$' -v -timeout 1h -torture.waiting 1000000 || echo failed >"$failed"

packages=$(grep -rlE --include='*_test.go' '^func TestTorture' . | xargs -r -n1 dirname | sort -u | grep -v '^\./internal/torture$')
# shellcheck disable=SC2086 # a list of folders
"$go" test -race -run '^TestTorture' -count "${TIMES:-20}" -timeout 4h $packages || echo failed >"$failed"
[ ! -s "$failed" ]
