# Helper functions, sourced by each scenario. A check is a sentence and a command that must succeed.
set -u
failed=0
simulator=http://127.0.0.1:7777

check() {
  local sentence=$1 output
  shift
  if output=$("$@" 2>&1); then
    printf 'ok      %s\n' "$sentence"
  else
    printf 'FAILED  %s\n' "$sentence"
    printf '%s\n' "$output" | tail -n 20 | cut -c 1-400 | sed 's/^/        | /'
    failed=1
  fi
}

# Repeats a command every 50 ms until it succeeds, for at most $1 seconds.
within() {
  local until=$((SECONDS + $1)) output
  shift
  until output=$("$@" 2>&1); do
    [ "$SECONDS" -lt "$until" ] || { printf '%s\n' "$output"; return 1; }
    sleep 0.05
  done
}

not() { ! "$@"; }
# Succeeds if the output of a command contains a text. Prints the whole output for a failed check.
prints() {
  local text=$1 output
  shift
  output=$("$@" 2>&1)
  printf '%s\n' "$output"
  grep -qF -- "$text" <<<"$output"
}
property() { systemctl show --property="$2" --value "$1"; }
equal() { [ "$1" = "$2" ] || { printf 'actual:    %s\nexpected:  %s\n' "$1" "$2"; return 1; }; }
journal() { journalctl --sync && journalctl --no-pager --all "$@"; }
# Counts the journal lines of a query.
lines() { journal -q -o cat "$@" | wc -l; }
sim() { curl -sS --max-time 5 "$simulator/sim/$1" "${@:2}"; }
status_has() { prints "$1" property poprelay StatusText; }
end() { exit "$failed"; }

# Starts the simulated GoTo and chats as a separate unit.
start_simulator() {
  systemd-run --quiet --collect --unit=simulator /usr/bin/poprelay simulate --listen 127.0.0.1:7777 --rate 0 "$@"
  within 10 curl -sS -o /dev/null "$simulator/sim/channels"
}

# Writes a config for that simulator. The secrets are where the README puts them.
configure() {
  printf 'the client secret\n' | install -m 600 /dev/stdin /etc/poprelay/goto-client-secret
  printf '%s/slack/desk\n' "$simulator" | install -m 600 /dev/stdin /etc/poprelay/front-desk.url
  sed "s|SIMULATOR|$simulator|" >/etc/poprelay/config.toml <<'CONFIG'
[connections.main]
client_id = "the client id"
client_secret = { credential = "goto-client-secret" }
account_keys = ["1234567890123456789"]
api_url = "SIMULATOR"
auth_url = "SIMULATOR"
[sinks.front-desk]
type = "slack"
url = { credential = "front-desk.url" }
[operator]
sink = "front-desk"
[state]
dir = "/var/lib/poprelay"
CONFIG
  mkdir -p /etc/systemd/system/poprelay.service.d
  cat >/etc/systemd/system/poprelay.service.d/override.conf <<'DROPIN'
[Service]
LoadCredential=goto-client-secret:/etc/poprelay/goto-client-secret
LoadCredential=front-desk.url:/etc/poprelay/front-desk.url
DROPIN
  systemctl daemon-reload
}

# Logs in like a user with a browser on another machine: opens the address, consents, pastes the redirect address.
log_in() {
  local out=/run/login.out at
  mkfifo /run/login.in
  poprelay login --paste "$@" </run/login.in >$out 2>&1 &
  local login=$!
  exec 9>/run/login.in
  within 10 grep -q 'http://127' $out || { cat $out; return 1; }
  at=$(curl -sS -o /dev/null -w '%{redirect_url}' "$(grep -o 'http://127[^ ]*' $out | head -n 1)")
  printf '%s\n' "$at" >&9
  exec 9>&-
  wait $login
  local code=$?
  cat $out
  rm -f /run/login.in
  return $code
}
