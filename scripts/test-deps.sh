#!/bin/sh
# Installs what the tests run against. What cannot be installed is said loudly, with the suite that its tests skip;
# with CI=true it is a failure.
set -eu
cd "$(dirname "$0")/.."

versitygw=v1.8.0
spectral=6.16.3
samba='samba samba-dsdb-modules samba-vfs-modules samba-ad-provision'
skipped=.tools/skipped

mkdir -p .tools/bin
: >"$skipped"

skip() {
	printf 'SKIPPED: %s (%s)\n' "$1" "$2" | tee -a "$skipped" >&2
}

as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	else
		sudo -n "$@"
	fi
}

can_be_root() {
	[ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null
}

installed() {
	for package in "$@"; do
		case $(dpkg-query -W -f '${Status}' "$package" 2>/dev/null) in
		'install ok installed') ;;
		*) return 1 ;;
		esac
	done
}

# apt_install installs packages without starting the services in them: the tests start their own.
apt_install() {
	policy=/usr/sbin/policy-rc.d
	if [ ! -e "$policy" ]; then
		printf '#!/bin/sh\nexit 101\n' | as_root sh -c "cat >$policy && chmod 755 $policy"
		trap 'as_root rm -f "$policy"' EXIT
	fi
	as_root apt-get update -qq || true # an old list is better than none
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"
}

# stay_down keeps services that came with a package from starting with the machine.
stay_down() {
	if [ -d /run/systemd/system ]; then
		as_root systemctl disable --quiet "$@" || true
	fi
}

# shellcheck disable=SC2086 # a list of words
if command -v dpkg-query >/dev/null && installed $samba; then
	:
elif command -v samba >/dev/null && command -v samba-tool >/dev/null; then
	:
elif ! command -v apt-get >/dev/null; then
	skip 'Active Directory against Samba' 'samba and samba-tool are not installed, and there is no apt-get to install them'
elif ! can_be_root; then
	skip 'Active Directory against Samba' "as root: apt-get install --no-install-recommends $samba"
elif apt_install $samba >&2; then
	stay_down smbd nmbd samba-ad-dc
else
	skip 'Active Directory against Samba' 'apt-get failed, see above'
fi

stamp=.tools/versitygw-$versitygw
if [ ! -e "$stamp" ] || [ ! -x .tools/bin/versitygw ]; then
	printf 'building versitygw %s, once\n' "$versitygw" >&2
	if GOBIN="$PWD/.tools/bin" "${GO:-go}" install "github.com/versity/versitygw/cmd/versitygw@$versitygw"; then
		: >"$stamp"
	else
		skip 'S3 against versitygw' "go install github.com/versity/versitygw/cmd/versitygw@$versitygw failed, see above"
	fi
fi

if [ "$(.tools/node_modules/.bin/spectral --version 2>/dev/null)" = "$spectral" ]; then
	:
elif ! command -v npm >/dev/null; then
	skip 'The OpenAPI document against spectral' 'npm is not installed'
elif ! npm install --prefix .tools --no-save --no-audit --no-fund --ignore-scripts --loglevel=error "@stoplight/spectral-cli@$spectral" >&2; then
	skip 'The OpenAPI document against spectral' 'npm install failed, see above'
fi

if command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null; then
	:
elif ! command -v apt-get >/dev/null; then
	skip 'The documentation in a browser' 'no chromium is installed, and there is no apt-get to install it'
elif ! can_be_root; then
	skip 'The documentation in a browser' 'as root: apt-get install --no-install-recommends chromium'
elif ! apt_install chromium >&2; then
	skip 'The documentation in a browser' 'apt-get failed, see above'
fi

if [ -s "$skipped" ] && [ "${CI:-}" = true ]; then
	printf 'With CI=true nothing may be skipped.\n' >&2
	exit 1
fi
