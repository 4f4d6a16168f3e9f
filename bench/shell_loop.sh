#!/usr/bin/env bash
# What many would write first: a loop that asks for a job for each manifest whose digest is not in a JSON file.
#
#   shell_loop.sh JOBS_DIR STATE_FILE EXPLORER_URL YQ…
#
# YQ… is the command that turns YAML on its standard input into one line of JSON. It keeps what the state knew
# if it is ended between two lines, and asks twice if that is between the answer and the state.
set -euo pipefail
shopt -s globstar nullglob

jobs_dir=$1 state=$2 api=$3/api-open/v1
shift 3

cookies=$(mktemp)
trap 'rm -f "$cookies"' EXIT
credential=$(printf '["root","nebula"]' | base64)
curl --fail --silent --show-error --output /dev/null --cookie-jar "$cookies" \
  --header "Authorization: Bearer $credential" --json '{"address":"graphd","port":9669}' "$api/connect"
[[ -e $state ]] || echo '{}' >"$state"

for file in "$jobs_dir"/**/*.yaml; do
  mapfile -t fields < <("$@" <"$file" | jq -r '.metadata.name, .spec.workflowId, ({input: (.spec.input // {})} | tojson)')
  name=${fields[0]} workflow=${fields[1]} body=${fields[2]}
  digest=$(sha256sum <<<"$workflow $body")
  if [[ $(jq -r --arg name "$name" '.[$name].digest // ""' "$state") == "${digest%% *}" ]]; then
    continue
  fi
  id=$(curl --fail --silent --show-error --cookie "$cookies" --json "$body" "$api/workflows/$workflow/jobs" | jq .data.id)
  jq --arg name "$name" --arg digest "${digest%% *}" --argjson id "$id" \
    '.[$name] = {digest: $digest, id: $id}' "$state" >"$state.new"
  mv "$state.new" "$state"
done
