#!/bin/sh
# Runs a command with {secret:NAME} in its environment replaced by the content of /run/secrets/NAME, so that secrets are
# in files and neither in the compose file nor in what `docker inspect` shows. A variable that comes out empty is unset:
# an empty provider key would count as one.
set -eu
folder=${SECRETS_FOLDER:-/run/secrets}

# No sed, no grep: MinIO's image has neither.
names=$(env | while IFS='=' read -r name value; do
  case $name in '' | [0-9]* | *[!A-Za-z0-9_]*) continue ;; esac
  case $value in *'{secret:'*'}'*) echo "$name" ;; esac
done)

for name in $names; do
  eval "left=\${$name-}"
  filled=
  while :; do
    case $left in
    *'{secret:'*'}'*) ;;
    *) break ;;
    esac
    filled=$filled${left%%'{secret:'*}
    left=${left#*'{secret:'}
    secret=$folder/${left%%'}'*}
    left=${left#*'}'}
    [ -r "$secret" ] || { echo "with-secrets: $name needs $secret, which cannot be read" >&2; exit 78; }
    filled=$filled$(cat "$secret")
  done
  filled=$filled$left
  if [ -n "$filled" ]; then export "$name=$filled"; else unset "$name"; fi
done

exec "$@"
