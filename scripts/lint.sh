#!/bin/sh
# Lints this module, the module in examples, and parts that `funnelweb new` writes, unedited.
set -eu
cd "$(dirname "$0")/.."

go=${GO:-go}
# The path of the linter, built if need be (the first time takes some minutes): a module inside another one is linted from its
# own folder.
linter=$("$go" tool -modfile=tools/go.mod -n golangci-lint)
rules=$PWD/.golangci.yml

"$linter" run
"$go" vet ./...
"$go" mod tidy -diff

echo '== examples/privatebuild'
(
	cd examples/privatebuild
	"$linter" run --config "$rules"
	"$go" mod tidy -diff
)

echo '== parts that funnelweb new writes'
clone=$(mktemp -d)
trap 'rm -rf "$clone"' EXIT
git ls-files --cached --others --exclude-standard | tar -cf - -T - | tar -xf - -C "$clone"
"$go" build -o "$clone/new" ./cmd/funnelweb
cd "$clone"
for kind in plugin enricher endpoint action; do
	./new new "$kind" "some$kind" >/dev/null
done
"$linter" run ./plugins ./plugins/someplugin ./enrichers ./enrichers/someenricher ./endpoints ./endpoints/someendpoint ./actions ./actions/someaction
