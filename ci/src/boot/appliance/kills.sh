# Every process but the first, the kernel's own and this one, one after the other.
killed=0
for round in 1 2 3; do
    for process in /proc/[0-9]*; do
        pid=${process#/proc/}
        [ $pid = 1 ] || [ $pid = $$ ] && continue
        readlink $process/exe >/dev/null 2>&1 && kill -9 $pid 2>/dev/null && killed=$((killed + 1))
        sleep 0.1
    done
    sleep 1
done
[ $killed -ge 4 ] && echo "ok appliance::kills_are_survived ($killed)" >>/results/lines
exit 0
