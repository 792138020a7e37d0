# When both services have come back often enough, says how all went and has the machine switched off.
for second in 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29; do
    [ "$(grep -c '' /results/crashes)" -ge 3 ] && [ "$(grep -c '' /results/steady)" -ge 2 ] && break
    sleep 1
done
for port in /sys/class/virtio-ports/*; do
    case $(cat $port/name) in
    out) out=/dev/${port##*/} ;;
    status) status=/dev/${port##*/} ;;
    esac
done
{
    cat /results/lines
    echo "starts of the service that crashes every second: $(grep -c '' /results/crashes), of the steady one: $(grep -c '' /results/steady)"
    echo "$(grep -c '^ok ' /results/lines) passed, $(grep -c '^FAILED ' /results/lines) failed, 0 skipped"
} >$out
[ "$(grep -c '^ok ' /results/lines)" = 3 ] && [ "$(grep -c '' /results/steady)" -ge 2 ] && [ "$(grep -c '' /results/crashes)" -ge 3 ]
echo $? >$status
kill -TERM 1
