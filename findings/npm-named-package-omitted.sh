#!/bin/sh
# npm 11.19.1: `npm install NAME --omit=optional` can leave out the very package it was told to install.
#
# Expected: a package named on the command line is installed; --omit is about what nobody named.
#
# What happens: npm first asks where the project already lists the package, gives it that kind, and then leaves the kind
# out. A package that is an optional peer dependency or an optional dependency of the project is not installed with
# --omit=optional, one that is a development dependency not with --omit=dev (which is also what NODE_ENV=production
# means). npm says "up to date" and exits with 0. With --save-prod it even writes the package that was optional into
# `dependencies` of package.json and still leaves node_modules empty. A project that does not list it gets it.
#
# seen: not listed              --omit=optional              ms is installed
# seen: optional peer           --omit=optional              up to date, exit 0, ms is not installed
# seen: optional dependency     --omit=optional              up to date, exit 0, ms is not installed
# seen: optional dependency     --omit=optional --save-prod  up to date, exit 0, ms is not installed, and is in dependencies
# seen: development dependency  --omit=dev                   up to date, exit 0, ms is not installed
# seen: development dependency  NODE_ENV=production          up to date, exit 0, ms is not installed
#
# For those who build such services: a service that declares its tracing or its database driver as an optional peer and
# tells people to `npm install` it has to say: without --omit=optional. An image whose Dockerfile names the package in the
# line that omits the rest builds without an error, and the service finds out when it starts.
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
unset NODE_ENV npm_config_omit npm_config_include npm_config_save npm_config_save_prod
npm install --prefix "$dir/tool" --no-audit --no-fund npm@11.19.1 >install.log 2>&1 || cannot
npm="node $dir/tool/node_modules/npm/bin/npm-cli.js"

# What is listed and how npm is asked, for people; what package.json says more; then the options for npm.
try() {
  listed=$1 with=$2 project="$dir/project"
  rm -rf "$project" && mkdir "$project" && cd "$project" || exit 2
  echo "{\"name\":\"service\",\"version\":\"1.0.0\"$3}" >package.json
  shift 3
  said=$($npm install ms@2.1.3 --no-audit --no-fund "$@" 2>"$dir/said.log")
  status=$?
  said=$(printf '%s' "$said" | sed -n 's/^\(up to date\).*/\1/p')
  if [ -e node_modules/ms ]; then
    result='ms is installed'
  else
    result="$said, exit $status, ms is not installed"
  fi
  # Only what --save-prod moved there.
  case " $* " in
  *' --save-prod '*) grep -q '"dependencies"' package.json && result="$result, and is in dependencies" ;;
  esac
  printf '%-23s %-28s %s\n' "$listed" "$with" "$result"
}
range='{"ms":"^2.1.3"}'
meta='"peerDependenciesMeta":{"ms":{"optional":true}}'
seen=$(
  try 'not listed' '--omit=optional' '' --omit=optional
  try 'optional peer' '--omit=optional' ",\"peerDependencies\":$range,$meta" --omit=optional
  try 'optional dependency' '--omit=optional' ",\"optionalDependencies\":$range" --omit=optional
  try 'optional dependency' '--omit=optional --save-prod' ",\"optionalDependencies\":$range" --omit=optional --save-prod
  try 'development dependency' '--omit=dev' ",\"devDependencies\":$range" --omit=dev
  NODE_ENV=production
  export NODE_ENV
  try 'development dependency' 'NODE_ENV=production' ",\"devDependencies\":$range"
) || exit 2
printf '%s\n' "$seen"
# Where not even that works, npm reaches no registry.
case $seen in *'ms is installed'*) ;; *) cat "$dir/said.log" >&2; exit 2 ;; esac
[ "$seen" = "$(sed -n 's/^# seen: //p' "$self")" ]
