#!/bin/sh
# Makes the files that compose.yaml takes its secrets from. What is there already stays as it is, so it can be run again.
# The folder is its owner's alone (0700). The files in it can be read by all (0444), because Compose mounts each into a
# container whose user is another than yours: nobody else on this machine gets as far as the files.
set -eu
umask 077
folder=${1:-$(dirname "$0")/secrets}
mkdir -p "$folder"
chmod 0700 "$folder"

random() { od -An -N"$1" -tx1 /dev/urandom | tr -d ' \n'; }

put() { # name, content
  [ -e "$folder/$1" ] && return
  printf '%s' "$2" >"$folder/.$1.$$"
  chmod 0444 "$folder/.$1.$$"
  mv "$folder/.$1.$$" "$folder/$1"
  echo "made $folder/$1"
}

put litellm_master_key "sk-$(random 24)"
put litellm_salt_key "sk-$(random 24)" # encrypts what LiteLLM keeps in its database: never change it
put litellm_db_password "$(random 24)"
put postgres_password "$(random 24)"
put redis_password "$(random 24)"
put grafana_admin_password "$(random 12)"
put langfuse_admin_password "$(random 12)"
put langfuse_public_key "pk-lf-$(random 16)"
put langfuse_secret_key "sk-lf-$(random 16)"
put langfuse_nextauth_secret "$(random 32)"
put langfuse_salt "$(random 24)"
put langfuse_encryption_key "$(random 32)" # as above
put langfuse_db_password "$(random 24)"
put langfuse_redis_password "$(random 24)"
put clickhouse_password "$(random 24)"
put minio_password "$(random 24)"
# Yours to fill in; an empty one counts as none.
put openai_api_key ""
put anthropic_api_key ""
put slack_webhook_url ""
