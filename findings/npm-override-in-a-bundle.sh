#!/bin/sh
# npm 11.19.1: what `overrides` chose travels in a bundle, and then npm refuses the lockfile it wrote itself.
#
# Expected: overrides do not travel with a package, so they change nothing for those who install it; and where npm has
# installed something and written a lockfile, `npm ci` accepts that lockfile.
#
# What happens: bundleDependencies packs what is in node_modules, chosen by overrides or not. Here debug 2.6.9 asks for
# exactly ms 2.0.0, its author overrides that with ms 2.1.3 and bundles debug. Whoever installs the tarball gets 2.1.3, out
# of the tarball, without a look at any registry; the lockfile says 2.1.3; `npm ls` calls it invalid; and `npm ci`, run
# right after the `npm install`, refuses that lockfile because 2.0.0 is missing from it. Already the author's own `npm ls`
# fails, with a sentence that contradicts itself: npm holds no override good for what is bundled, and prints the range of
# the override all the same.
#
# seen: the author's npm ls: ms@2.1.3 invalid: "2.1.3" from node_modules/debug overridden
# seen: installed without a bundle: ms 2.0.0, npm ls exits 0, npm ci exits 0
# seen: installed offline with an empty cache, bundled: ms 2.1.3, npm ls exits 1, npm ci exits 1
# seen: npm ci: Missing: ms@2.0.0 from lock file
#
# For those who build such services: a bundle is a way to give users a patched dependency of a dependency, and it works for
# `npm install -g`. A project that depends on such a package can be installed and never `npm ci`ed. Choose
# only versions within the ranges the bundled packages ask for, or say how the package is meant to be installed.
set -u
self=$(cd "$(dirname "$0")" && pwd)/$(basename "$0")
dir=$(mktemp -d) || exit 2
trap 'rm -rf "$dir"' EXIT
trap 'exit 2' HUP INT TERM
cannot() {
  cat "$dir/install.log" >&2
  exit 2
}
cd "$dir" || exit 2
unset NODE_ENV npm_config_omit npm_config_include npm_config_offline npm_config_cache
npm install --prefix "$dir/tool" --no-audit --no-fund npm@11.19.1 >install.log 2>&1 || cannot
npm() { node "$dir/tool/node_modules/npm/bin/npm-cli.js" "$@"; }

# NAME, what package.json says more
pack() {
  mkdir "$dir/$1" && cd "$dir/$1" || exit 2
  overridden='"dependencies":{"debug":"2.6.9"},"overrides":{"ms":"2.1.3"}'
  echo "{\"name\":\"service\",\"version\":\"1.0.0\",$overridden$2}" >package.json
  npm install --no-audit --no-fund >"$dir/install.log" 2>&1 || cannot
  npm pack --silent >"$dir/install.log" 2>&1 || cannot
}
# NAME of what pack made, then options for npm install
use() {
  tarball="$dir/$1/service-1.0.0.tgz"
  mkdir "$dir/user-of-$1" && cd "$dir/user-of-$1" || exit 2
  shift
  echo '{"name":"user","version":"1.0.0"}' >package.json
  npm install --no-audit --no-fund "$@" "$tarball" >"$dir/install.log" 2>&1 || { : >"$dir/failed"; cannot; }
  installed=$(find node_modules -path '*/ms/package.json')
  version=$(sed -n 's/.*"version": "\(.*\)".*/\1/p' "$installed")
  npm ls --all >"$dir/ls.log" 2>&1
  ls=$?
  npm ci --no-audit --no-fund >"$dir/ci.log" 2>&1
  echo "ms $version, npm ls exits $ls, npm ci exits $?"
}
pack plain ''
pack bundling ',"bundleDependencies":["debug"]'
seen=$(
  echo "the author's npm ls: $(npm ls --all 2>"$dir/ls.log" | sed -n 's/.* \(ms@\)/\1/p')"
  echo "installed without a bundle: $(use plain)"
  echo "installed offline with an empty cache, bundled: $(use bundling --offline --cache "$dir/empty")"
  sed -n 's/^npm error \(Missing\)/npm ci: \1/p' "$dir/ci.log"
) || exit 2
[ ! -e "$dir/failed" ] || exit 2
printf '%s\n' "$seen"
[ "$seen" = "$(sed -n 's/^# seen: //p' "$self")" ]
