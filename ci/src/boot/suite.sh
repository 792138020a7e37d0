#!/bin/busybox sh
# Runs in a guest: the first container, unless mote has run it as init, then the end-to-end tests. Everything that is said goes
# to the port `out`; a last word, to the port `status`, is the exit status.
/bin/busybox --install -s /usr/bin 2>/dev/null
for port in /sys/class/virtio-ports/*; do
    case $(cat "$port/name") in
    out) exec >"/dev/${port##*/}" 2>&1 ;;
    status) status=/dev/${port##*/} ;;
    esac
done
. /suite/settings
failed=0

case $INIT in
systemd | engines | busybox) mote run -b /containers/hello hello || echo "hello exited with status $?" ;;
esac
# The kernel's own clock stands at both lines. In the first second the number would be an octal one for the shell.
at() { dmesg | sed -n "s|^\[ *\([0-9]*\)\.\([0-9]*\)\] $1.*|\1\2|p" | sed 's/^0*//;q'; }
begun=$(at 'Run /init as init process')
first=$(at 'probe: first instruction')
echo "Linux $(uname -r) $(uname -m): first instruction in a container $((first - begun)) us after the kernel's hand-over"

for module in /suite/modules/*; do
    insmod "$module" || failed=1
done
if [ -n "$TESTS" ]; then
    export MOTE_BIN=/usr/bin/mote MOTE_PROBE=/suite/probe MOTE_DENY=/suite/deny MOTE_E2E_DIVIDE=$DIVIDE MOTE_E2E_PATIENCE=5
    # The names are split at blanks; `all` is no name but all.
    [ "$TESTS" = all ] && TESTS=
    /suite/e2e $TESTS || failed=1
fi
echo $failed >"$status"
exit $failed
