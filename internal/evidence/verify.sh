#!/bin/sh
# Checks that what is in this folder is what was sealed: every object by its SHA-256, every manifest by its seal and by
# the hash that the next one carries. It needs sh and sha256sum alone. Whether the manifests are those that the archive
# has is for its owner to say: compare the hash of the newest one, which is printed last.
LC_ALL=C
export LC_ALL
case $0 in */*) cd "${0%/*}" || exit 2 ;; esac

wrong=0
bad() {
	printf 'WRONG %s\n' "$1"
	wrong=1
}

# The hash of standard input.
hash() {
	set -- $(sha256sum)
	printf '%s\n' "$1"
}

# The lines of a manifest above its seal.
above() {
	while IFS= read -r line; do
		case $line in "seal "*) return ;; esac
		printf '%s\n' "$line"
	done <"$1"
}

# Whether a hash and a key are what a manifest has, and nothing that leads elsewhere or that a terminal obeys.
proper() {
	case $1 in *[!0-9a-f]*) return 1 ;; esac
	case $2 in '' | *[!A-Za-z0-9_.=+/-]* | /* | */ | *//* | . | .. | ./* | ../* | */. | */.. | */./* | */../*) return 1 ;; esac
	[ "${#1}" = 64 ]
}

# A line for sha256sum -c for every object of every manifest.
objects() {
	for manifest in manifests/*/*/*/*/*; do
		while read -r first second third key; do
			case $first in
			funnelweb-manifest | hour | part | previous | objects | seal | signature) ;;
			*) proper "$first" "$key" && printf '%s  objects/%s\n' "$first" "$key" ;;
			esac
		done <"$manifest"
	done
}

# The number of files below a folder, added to n. A link could lead to anything, and somewhere else tomorrow: it is no evidence. Its name
# is not printed, as it may be anything too.
count() {
	for file in "$1"/* "$1"/.[!.]* "$1"/..?*; do
		if [ -L "$file" ]; then
			links=1
		elif [ -d "$file" ]; then
			count "$file"
		elif [ -e "$file" ]; then
			n=$((n + 1))
		fi
	done
}

links=
n=0
[ -L manifests ] && links=1
count manifests
[ -z "$links" ] || bad "manifests: there is a link in the place of a file or a folder"

before=
newest=
for manifest in manifests/*/*/*/*/*; do
	carries=
	seal=
	odd=
	while read -r word value rest key; do
		case $word in
		funnelweb-manifest | hour | part | objects | signature) ;;
		previous) carries=$value ;;
		seal) seal=$value ;;
		*) proper "$word" "$key" || odd=1 ;;
		esac
	done <"$manifest"
	[ -z "$odd" ] || bad "$manifest: it holds a line that is none of a manifest"
	[ -n "$seal" ] && [ "$(above "$manifest" | hash)" = "$seal" ] || bad "$manifest: its seal is broken"
	[ -z "$before" ] || [ "$carries" = "$before" ] || bad "$manifest: it does not carry the hash of the one before"
	before=$(hash <"$manifest")
	newest=$manifest
done

links=
n=0
[ -L objects ] && links=1
count objects
[ -z "$links" ] || bad "objects: there is a link in the place of a file or a folder"
[ "$n" = "OBJECTS" ] || bad "objects has $n file(s), and the manifests have OBJECTS"
if [ "OBJECTS" != 0 ]; then
	objects | sha256sum -c 2>&1 | {
		status=0
		while IFS= read -r line; do
			case $line in
			*": OK") ;;
			*)
				printf 'WRONG %s\n' "$line"
				status=1
				;;
			esac
		done
		exit "$status"
	} || wrong=1
fi

[ "$wrong" = 0 ] && printf 'OK: OBJECTS object(s): all are what was sealed\n'
printf 'newest manifest: %s %s\n' "$before" "$newest"
exit "$wrong"
