#!/bin/sh
# Runs in a clean Debian, where no service manager runs, with /mnt/old.deb and /mnt/new.deb.

# Every file that there is but what dpkg and others note for themselves.
files() {
  find / -xdev \( -path /mnt -o -path /tmp -o -path /var/lib/dpkg -o -path /var/log -o -path /var/cache \) -prune -o -print | sort
}
say() { echo "$*"; }
fail() { echo "FAILED: $*"; exit 1; }

link=/etc/systemd/system/multi-user.target.wants/parley.service
# Made by the first package that has a unit, and left.
mkdir -p /var/lib/systemd/deb-systemd-helper-enabled
# The index of manual pages need not be made anew each time.
rm -f /var/lib/man-db/auto-update
files >/tmp/before

say "--- install"
dpkg -i /mnt/old.deb
parley version | grep -q '^parley 1\.2\.3 commit ' || fail "$(parley version)"
[ -L "$link" ] || fail "the service is not enabled"
systemd-analyze verify --man=yes /lib/systemd/system/parley.service /lib/systemd/system/parley.socket || fail "units"
[ "$(man -w parley-probe)" ] || fail "no manual page"
bash -c '
  . /usr/share/bash-completion/bash_completion
  _completion_loader parley || [ $? = 124 ]
  COMP_LINE="parley pro" COMP_POINT=10 COMP_WORDS=(parley pro) COMP_CWORD=1 COMP_TYPE=9
  __start_parley
  [ "${COMPREPLY[0]% }" = probe ] || { echo "completes to ${COMPREPLY[*]}"; exit 1; }' || fail "completion"

say "--- start, as the unit says, as somebody else"
start() {
  (
    set -a
    # shellcheck disable=SC1091 # It is there when this runs.
    . /etc/default/parley
    # shellcheck disable=SC2046 # These are words.
    exec setpriv --reuid=65534 --regid=65534 --clear-groups $(sed -n 's/^ExecStart=//p' /lib/systemd/system/parley.service)
  ) >/tmp/log 2>&1 &
  daemon=$!
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    if parley probe 127.0.0.1:12000; then return; fi
    sleep 0.5
  done
  cat /tmp/log
  fail "the daemon does not answer"
}
stop() {
  kill -TERM "$daemon"
  wait "$daemon" || fail "the daemon ended with status $?"
}
start
stop

say "--- upgrade: the administrator's settings stay, and the service is enabled"
sed -i 's|^#PARLEY_LISTEN=.*|PARLEY_LISTEN=happy://:12000|' /etc/default/parley
dpkg -i /mnt/new.deb
parley version | grep -q '^parley 1\.2\.4 ' || fail "$(parley version)"
grep -q '^PARLEY_LISTEN=happy' /etc/default/parley || fail "the settings are gone"
[ -L "$link" ] || fail "the service is not enabled any more"
start
parley connect 127.0.0.1:12000 -m hello | grep -q 'Happy Server' || fail "the settings are not used"
stop

say "--- a service that was disabled stays so"
systemctl disable parley.service
dpkg -i /mnt/new.deb
[ ! -L "$link" ] || fail "the upgrade has enabled it"
systemctl enable parley.service

say "--- remove, install again, and purge"
dpkg -r parley
[ ! -e /usr/bin/parley ] || fail "the program is still there"
[ -e /etc/default/parley ] || fail "the settings are gone, and it was no purge"
dpkg -i /mnt/new.deb
[ -L "$link" ] || fail "the service is not enabled"
[ ! -L /etc/systemd/system/parley.service ] || fail "the service is masked"
dpkg -P parley
files >/tmp/after
diff /tmp/before /tmp/after || fail "a purge leaves this (>) or takes this (<)"
! dpkg -s parley >/dev/null 2>&1 || fail "dpkg knows it still"
say "purged, nothing left"
