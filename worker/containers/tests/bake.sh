# Plays a program that bakes, in the tests of images.
case $1 in
    flood) while :; do printf 0123456789; done ;;
    hang) [ -e /dev/kvm ] || echo "no kvm"; while :; do sleep 1; done ;;
esac
read -r order
echo "arguments $*"
echo "order $order"
echo "interfaces $(ls /sys/class/net | tr '\n' ' ' | sed 's/ $//')"
echo "kvm $(stat -c %Hr:%Lr /dev/kvm) $( (: <>/dev/kvm) 2>/dev/null && echo rw)"
echo "groups $(id -G)"
echo "CapEff $(sed -n 's/^CapEff:\t//p' /proc/self/status)"
mkdir -p /opt/made && printf saved >/opt/made/snapshot && echo "root rw"
touch /work/lost && echo "work $(stat -f -c %T /work)"
echo "for people" >&2
