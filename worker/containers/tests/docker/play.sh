# Plays the parts of the containers in the tests of this crate.
log() { printf '{"event":"log","line":"%s"}\n' "$1"; }
interfaces() { echo "interfaces: $(ls /sys/class/net | tr '\n' ' ' | sed 's/ $//')"; }

if [ "$1" = once ]; then
    case $2 in
        look)
            cat /in/a; echo
            touch /in/b 2>/dev/null || echo "input is read-only"
            grep -E '^Cap(Eff|Bnd)' /proc/self/status | tr '\t' ' '
            interfaces
            echo "user $(id -u)"
            echo "A=$A"
            echo "a complaint" >&2
            exit 3 ;;
        flood) while :; do echo "0123456789012345678901234567890123456789"; done ;;
        wait) while :; do sleep 1; done ;;
        eat) head -c 1G /dev/zero | tail -c 1G; exit $? ;;
    esac
fi

# The device has the gateway's namespace and /data, the gateway has neither.
if [ -d /data ]; then
    while read -r line; do
        case $line in Cap*|NoNewPrivs*|Seccomp:*) log "$(echo "$line" | tr '\t' ' ')" ;; esac
    done < /proc/self/status
    touch /etc/x 2>/dev/null || log "root is read-only"
    log "$(interfaces)"
    log "low port $(cat /proc/sys/net/ipv4/ip_unprivileged_port_start)"
    log "end of status"
    echo "a line for people" >&2
    while read -r line; do
        printf '{"chunk":{"blob":1,"bytes":%d}}\n%s' "${#line}" "$line"
    done
    exit 0
fi

case $(ls /part 2>/dev/null) in
    never) ;;
    caps) echo '{"event":"sealed","cap_eff":"0000000000001000"}' ;;
    ends) echo "no rules" >&2; exit 1 ;;
    *) echo '{"event":"sealed","cap_eff":"0000000000000000"}' ;;
esac
while read -r _; do :; done
