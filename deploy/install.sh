#!/bin/sh
# Installs or upgrades poprelay on a machine with systemd and without Debian packages: program, units, catalog, manual
# pages, completions, example config. Run as root from the project's folder, after `cargo build --release`. $BINARY names
# another program, $DESTDIR another root. `--remove` removes all of it; config and state stay.
set -eu
cd "$(dirname "$0")/.."
root=${DESTDIR:-}
bin=$root/usr/local/bin/poprelay
units=$root/usr/local/lib/systemd/system
catalog=$root/usr/lib/systemd/catalog/poprelay.catalog
share=$root/usr/local/share

# Runs a command that needs the running system; skipped with $DESTDIR.
live() { [ -n "$root" ] || "$@"; }

if [ "${1:-}" = --remove ]; then
  live systemctl disable --now poprelay-metrics.socket poprelay.service 'poprelay@*.service' || true
  rm -f "$bin" "$units/poprelay-metrics.socket" "$units/poprelay.service" "$units/poprelay@.service" "$units/poprelay.service.d/notify-reload.conf" \
    "$units/poprelay@.service.d/notify-reload.conf" "$catalog" "$root/usr/local/lib/sysusers.d/poprelay.conf" \
    "$share"/man/man1/poprelay.1 "$share"/man/man1/poprelay-*.1 "$share/man/man5/poprelay.toml.5" \
    "$share/bash-completion/completions/poprelay" "$share/zsh/site-functions/_poprelay" \
    "$share/fish/vendor_completions.d/poprelay.fish"
  rmdir "$units/poprelay.service.d" "$units/poprelay@.service.d" 2>/dev/null || true
  live systemctl daemon-reload
  live journalctl --update-catalog || true
  echo "poprelay is removed. Its config is still in /etc/poprelay, its state in /var/lib/private/poprelay."
  exit 0
fi

binary=${BINARY:-target/release/poprelay}
[ -x "$binary" ] || { echo "$binary is missing; run cargo build --release" >&2; exit 1; }

install -D -m 755 "$binary" "$bin"
# The units name /usr/bin, the place of packaged programs.
mkdir -p "$units"
for unit in poprelay.service poprelay@.service; do
  sed 's|/usr/bin/poprelay|/usr/local/bin/poprelay|g' "systemd/$unit" >"$units/$unit"
done
# systemd before 254 does not know the settings of the drop-in.
version=$(systemctl --version | sed -n '1s/^systemd \([0-9]*\).*/\1/p')
if [ "${version:-0}" -ge 254 ]; then
  for unit in poprelay.service poprelay@.service; do
    mkdir -p "$units/$unit.d"
    sed 's|/usr/bin/poprelay|/usr/local/bin/poprelay|g' \
      "systemd/$unit.d/notify-reload.conf" >"$units/$unit.d/notify-reload.conf"
  done
fi
install -m 644 systemd/poprelay-metrics.socket "$units/poprelay-metrics.socket"
install -D -m 644 systemd/poprelay.sysusers "$root/usr/local/lib/sysusers.d/poprelay.conf"
live systemd-sysusers /usr/local/lib/sysusers.d/poprelay.conf
install -D -m 644 systemd/poprelay.catalog "$catalog"

mkdir -p "$share/man/man1" "$share/man/man5" "$share/bash-completion/completions" "$share/zsh/site-functions" \
  "$share/fish/vendor_completions.d"
"$bin" man --dir "$share/man/man1"
mv "$share/man/man1/poprelay.toml.5" "$share/man/man5/"
"$bin" completions bash >"$share/bash-completion/completions/poprelay"
"$bin" completions zsh >"$share/zsh/site-functions/_poprelay"
"$bin" completions fish >"$share/fish/vendor_completions.d/poprelay.fish"

install -d -m 755 "$root/etc/poprelay"
install -m 644 config.example.toml "$root/etc/poprelay/config.example.toml"
if [ ! -e "$root/etc/poprelay/config.toml" ]; then
  install -m 640 config.example.toml "$root/etc/poprelay/config.toml"
  live chgrp poprelay-config /etc/poprelay/config.toml
fi
live systemctl daemon-reload
live journalctl --update-catalog || true
echo "poprelay is installed. Next: edit /etc/poprelay/config.toml, then see \"Configure\" in README.md."
