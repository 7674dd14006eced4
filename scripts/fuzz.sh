#!/bin/sh
# Runs each fuzz test for FUZZTIME. What fails is kept by go test below testdata/fuzz and belongs into the commit that
# mends it.
set -eu
cd "$(dirname "$0")/.."

targets=$(grep -rnoE --include='*_test.go' '^func Fuzz[A-Za-z0-9_]+' . | sed -E 's,^(.*)/[^/]+:[0-9]+:func (.*)$,\1 \2,' | sort -u)
if [ -z "$targets" ]; then
	echo 'there are no fuzz tests' >&2
	exit 1
fi
# Those that work without the engine's guidance, many times as fast, on documents made at random: the schema check against an
# independent judge, the scanner against the JSON package, filling against decoding, and both of these on valid documents that were
# spoilt. The counts are in what they print.
for test in TestTheJudgeAgreesOnRandomDocuments TestTheScannerAgreesOnRandomDocuments TestFillingIsDecodingOnRandomDocuments \
	TestMutatedDocumentsAreReadAsTheJSONPackageReadsThem TestMutatedDocumentsAreFilledAsTheJSONPackageDecodesThem; do
	echo "== ./framework $test"
	told=$("${GO:-go}" test ./framework -run "^$test\$" -v -timeout 60m -documents "${DOCUMENTS:-2000000}") || {
		printf '%s\n' "$told"
		exit 1
	}
	printf '%s\n' "$told" | grep -v '^=== '
done

# Without a bound on minimising, a target can stand still for most of its time.
printf '%s\n' "$targets" | while read -r folder target; do
	echo "== $folder $target"
	"${GO:-go}" test "$folder" -run '^$' -fuzz "^$target\$" -fuzztime "${FUZZTIME:-30s}" -fuzzminimizetime 10x </dev/null
done
